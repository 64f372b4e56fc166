"""Grafana's user reads what the dashboards read, and does nothing else."""

from typing import Any
from xml.etree import ElementTree

import pytest

from agentsight_otel.metrics import METRICS
from tests.dashboards.conftest import GRAFANA, GrafanaUser, Refused
from tests.dashboards.test_figures import window

COMPOSE_USERS = GRAFANA.parent / "collector_config" / "compose" / "users.xml"


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE otel_traces",
        "ALTER TABLE otel_traces DELETE WHERE 1",
        "TRUNCATE TABLE conversation_days",
        "INSERT INTO escalation_tools VALUES ('everything')",
        "CREATE TABLE x (y Int8) ENGINE = Memory",
        "CREATE TEMPORARY TABLE x (y Int8)",
        "SYSTEM DROP DNS CACHE",
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
        "SELECT * FROM system.users",
        "SELECT * FROM system.processes",
        "SET max_memory_usage = 0",
    ],
)
def test_nothing_but_reading_is_allowed(grafana: GrafanaUser, statement: str) -> None:
    with pytest.raises(Refused, match=r"Not enough privileges|Cannot execute query in readonly|Cannot modify"):
        grafana.ask(statement)


def test_only_the_settings_that_the_data_source_sends_may_be_changed(grafana: GrafanaUser) -> None:
    assert grafana.ask("SELECT 1 AS one", max_execution_time=65, enable_http_compression=1).values("one") == [1]
    for setting, value in (("max_execution_time", 1_000), ("max_threads", 64), ("readonly", 0)):
        with pytest.raises(Refused, match=r"shouldn't be greater than 120|Cannot modify"):
            grafana.ask("SELECT 1", **{setting: value})


def test_every_metric_can_be_read(grafana: GrafanaUser) -> None:
    asked = window({})
    for view in METRICS:
        filters = "service=[], environment=[], device=[], source=[], language=[], country=[]"
        grafana.ask(f"SELECT * FROM {view}(from={_ms(asked.start)}, to={_ms(asked.end)}, timezone='UTC', {filters})")


def _ms(moment: Any) -> int:
    return int(moment.timestamp() * 1000)


def test_the_same_user_in_sql_is_one_that_clickhouse_understands(grafana: GrafanaUser, admin: Any) -> None:
    # This ClickHouse keeps its users in files alone; it still reads the statements.
    text = (GRAFANA / "clickhouse" / "grafana-user.sql").read_text()
    statements = [part for part in text.split(";") if part.strip()]
    assert len(statements) == 6
    for statement in statements:
        admin.query(f"EXPLAIN AST {statement}")
    granted = ElementTree.parse(GRAFANA / "clickhouse" / "grafana-user.xml").findall("users/grafana/grants/query")
    assert [f"{grant.text} TO grafana" in text for grant in granted] == [True] * 4


def test_compose_gives_grafana_the_same_rights() -> None:
    def rights(path: Any) -> tuple[str, list[str | None]]:
        tree = ElementTree.parse(path)
        profile = tree.find("profiles/grafana")
        assert profile is not None
        texts = "".join(
            "".join(str(node.tag) + (node.text or "").strip() for node in profile.iter() if isinstance(node.tag, str))
        )
        return texts, [grant.text for grant in tree.findall("users/grafana/grants/query")]

    assert rights(COMPOSE_USERS) == rights(GRAFANA / "clickhouse" / "grafana-user.xml")
