"""The alert rules ask what they say they ask, fire on it, and keep quiet otherwise."""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.local import EmbeddedClickHouse
from tests.dashboards.conftest import GrafanaUser, server_for_grafana
from tests.dashboards.expanding import Viewer
from tests.dashboards.reading import ALERTING, DASHBOARDS, FOLDER
from tests.sql.model import Event, Span
from tests.sql.storing import empty, insert

RULES: dict[str, dict[str, Any]] = {rule["uid"]: rule for rule in ALERTING["groups"][0]["rules"]}


def firing(rule: dict[str, Any], grafana: GrafanaUser, now_ms: int) -> list[str]:
    """Evaluates a rule as Grafana does: each row's number against the threshold; the texts name what fires."""
    asked, threshold = rule["data"]
    window = asked["relativeTimeRange"]
    viewer = Viewer(now_ms - window["from"] * 1000, now_ms - window["to"] * 1000)
    answer = grafana.ask(viewer.expand(asked["model"]["rawSql"]))
    numbers = [name for name, kind in answer.columns.items() if re.search("Int|Float", kind)]
    labels = [name for name in answer.columns if name not in numbers]
    assert len(numbers) == 1, "Grafana compares one number a row"
    assert threshold["model"]["expression"] == asked["refId"] and rule["condition"] == threshold["refId"]
    (condition,) = threshold["model"]["conditions"]
    (limit,) = condition["evaluator"]["params"]
    fires = {"gt": lambda x: x > limit, "lt": lambda x: x < limit}[condition["evaluator"]["type"]]
    return [
        " ".join(str(row[name]) for name in labels) or rule["title"]
        for row in answer.rows
        if row[numbers[0]] is not None and fires(row[numbers[0]])
    ]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedClickHouse]:
    """Not the one with the seeded database: here tests empty it."""
    with server_for_grafana(tmp_path_factory.mktemp("alerts")) as started:
        yield started


@pytest.fixture
def alerts(server: EmbeddedClickHouse) -> Iterator[tuple[Any, GrafanaUser, int]]:
    """Someone to fill the empty database, Grafana to ask it, and now in ms since 1970."""
    with clickhouse_client.connect(server.url()) as client:
        yield client, GrafanaUser(server.http_port), int(time.time() * 1000)
        empty(client)


def conversations(number: int, now_ms: int, *, before_s: float, **given: Any) -> list[Span]:
    """Conversations that started a while ago, with a tool call, feedback and an answer as told."""
    return [
        span for n in range(number) for span in _conversation(f"c{n}", n, now_ms - int(before_s * 1000) - n, **given)
    ]


def _conversation(
    name: str,
    n: int,
    start_ms: int,
    *,
    answer_s: float = 1.0,
    tool: str = "find_order",
    failed: bool = False,
    sentiment: str = "positive",
) -> list[Span]:
    def said(sender: str, at_ms: int) -> Event:
        attributes = {"agentsight.message.sender": sender, "agentsight.message.content": "…"}
        return Event(at_ms * 1_000_000, "agentsight.message", attributes)

    def span(
        number: int, after_ms: int, events: tuple[Event, ...] = (), status: str = "Unset", **attributes: str
    ) -> Span:
        return Span(
            trace_id=f"{n + 1:032x}",
            span_id=f"{n * 10 + number:016x}",
            name="step",
            start_ns=(start_ms + after_ms) * 1_000_000,
            attributes={
                "gen_ai.conversation.id": name,
                **{key.replace("__", "."): value for key, value in attributes.items()},
            },
            events=events,
            status=status,
        )

    return [
        span(1, 0, (said("end_user", start_ms), said("agent", start_ms + int(answer_s * 1000)))),
        span(2, 1, (), "Error" if failed else "Unset", agentsight__span__kind="tool", gen_ai__tool__name=tool),
        span(3, 2, agentsight__span__kind="feedback", agentsight__feedback__sentiment=sentiment),
    ]


def all_firing(grafana: GrafanaUser, now_ms: int) -> dict[str, list[str]]:
    return {uid: found for uid, rule in RULES.items() if (found := firing(rule, grafana, now_ms))}


def test_nothing_fires_while_all_is_well(alerts: tuple[Any, GrafanaUser, int]) -> None:
    client, grafana, now_ms = alerts
    insert(client, conversations(30, now_ms, before_s=60))
    assert all_firing(grafana, now_ms) == {}


def test_silence_is_told_and_nothing_else_fires_on_it(alerts: tuple[Any, GrafanaUser, int]) -> None:
    client, grafana, now_ms = alerts
    insert(client, conversations(3, now_ms, before_s=60))
    # Four hours later, the minutes of arrival are those of the database's own clock.
    assert all_firing(grafana, now_ms + 4 * 3_600_000) == {"agentsight-no-conversations": ["No conversations"]}


def test_a_fresh_installation_is_no_silence(alerts: tuple[Any, GrafanaUser, int]) -> None:
    client, grafana, now_ms = alerts
    assert all_firing(grafana, now_ms) == {}
    insert(client, conversations(3, now_ms, before_s=60))
    assert all_firing(grafana, now_ms) == {}


@pytest.mark.parametrize(
    ("uid", "given", "named"),
    [
        ("agentsight-response-time", {"answer_s": 200}, "Response time"),
        ("agentsight-escalation-rate", {"tool": "open_ticket"}, "Escalation rate"),
        ("agentsight-negative-feedback", {"sentiment": "negative"}, "Negative feedback"),
        ("agentsight-tool-errors", {"failed": True, "tool": 'it\'s "broken"'}, 'it\'s "broken"'),
    ],
)
def test_a_rule_fires_alone_on_what_it_watches(
    alerts: tuple[Any, GrafanaUser, int], uid: str, given: dict[str, Any], named: str
) -> None:
    client, grafana, now_ms = alerts
    insert(client, conversations(30, now_ms, before_s=250, **given))
    assert all_firing(grafana, now_ms) == {uid: [named]}


def test_a_few_conversations_are_no_trend(alerts: tuple[Any, GrafanaUser, int]) -> None:
    client, grafana, now_ms = alerts
    bad = {"answer_s": 200, "tool": "open_ticket", "failed": True, "sentiment": "negative"}
    insert(client, conversations(4, now_ms, before_s=250, **bad))
    assert all_firing(grafana, now_ms) == {}


def test_spans_that_come_late_are_told(alerts: tuple[Any, GrafanaUser, int]) -> None:
    client, grafana, now_ms = alerts
    insert(client, conversations(30, now_ms, before_s=1_200))
    assert all_firing(grafana, int(time.time() * 1000)) == {"agentsight-pipeline-lag": ["Pipeline lag"]}


def test_there_are_six_rules_that_name_their_panels() -> None:
    assert len(RULES) == 6
    datasource = yaml.safe_load((FOLDER / "provisioning" / "datasources" / "agentsight.yaml").read_text())
    (uid,) = (one["uid"] for one in datasource["datasources"])
    for rule in RULES.values():
        shown = {panel["id"]: panel for panel in DASHBOARDS[rule["dashboardUid"]]["panels"]}[rule["panelId"]]
        assert shown["type"] != "row"
        asked = rule["data"][0]
        assert asked["datasourceUid"] == asked["model"]["datasource"]["uid"] == uid
        # Rules know no variables; and they are no part of Grafana's templates for environment variables.
        assert "${" not in asked["model"]["rawSql"]
        assert rule["annotations"]["summary"] and rule["annotations"]["description"] and rule["labels"]["severity"]
        assert rule["noDataState"] == "OK" and rule["execErrState"] == "Error"
