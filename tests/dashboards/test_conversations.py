"""From the list of conversations to what was said in one, and to its trace."""

import time
from typing import Any

import pytest

from agentsight_otel.metrics import query
from tests.dashboards import seed
from tests.dashboards.conftest import GrafanaUser
from tests.dashboards.expanding import Value
from tests.dashboards.reading import panel, sql_of, viewer
from tests.dashboards.test_figures import CHOICES, same, shown, window

LIST = "agentsight-conversations"
ONE = "agentsight-conversation"
HOSTILE_ONE = next(n for n in range(0, seed.NUMBER, 7) if n % 6 != 5 and n)


@pytest.mark.parametrize("choice", CHOICES)
def test_the_list_is_the_conversations_behind_the_figures(
    grafana: GrafanaUser, admin: Any, choice: dict[str, Value]
) -> None:
    listed = shown(grafana, LIST, "Conversations", choice)
    (escalation,) = query(admin, "metric_human_escalation", window(choice))
    assert len(listed.rows) == escalation["conversations"]
    assert listed.values("escalated").count("yes") == escalation["escalated"]
    assert listed.values("started_at") == sorted(listed.values("started_at"), reverse=True)
    (found,) = shown(grafana, LIST, "Found", choice).rows
    (duration,) = query(admin, "metric_conversation_duration", window(choice))
    assert found["conversations"] == escalation["conversations"]
    assert same(found["escalation_rate"], escalation["rate"])
    assert same(found["duration_s"], duration["average_s"])
    messages = listed.values("messages")
    assert same(found["messages_each"], sum(messages) / len(messages) if messages else None)
    escalated = shown(grafana, LIST, "Conversations", choice, show="escalated")
    assert len(escalated.rows) == escalation["escalated"]


def test_a_row_says_how_a_conversation_went(grafana: GrafanaUser) -> None:
    rows = {row["conversation_id"]: row for row in shown(grafana, LIST, "Conversations", {}).rows}
    row = rows[seed.conversation_id(10)]
    assert (row["customer_id"], row["service"], row["device"], row["country"]) == (
        "customer 10",
        "agent-a",
        "unknown",
        "GR",
    )
    assert (row["messages"], row["tool_calls"], row["tool_errors"], row["escalated"]) == (1, 1, 1, "yes")
    assert row["feedback"] == "positive"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("CONVERSATION-001", [seed.conversation_id(1)]),
        (seed.conversation_id(HOSTILE_ONE), [seed.conversation_id(HOSTILE_ONE)]),
        ("customer 9", [seed.conversation_id(n) for n in (9, 34)]),
        ("nobody", []),
    ],
)
def test_the_list_can_be_searched(grafana: GrafanaUser, typed: str, expected: list[str]) -> None:
    assert shown(grafana, LIST, "Conversations", {}, search=typed).values("conversation_id") == expected


@pytest.mark.parametrize("n", [1, HOSTILE_ONE])
def test_a_conversation_is_shown_whatever_its_id(grafana: GrafanaUser, n: int) -> None:
    chosen = {"conversation": seed.conversation_id(n)}
    (facts,) = shown(grafana, ONE, "Conversation", {}, **chosen).rows
    assert facts["conversation_id"] == seed.conversation_id(n)
    assert facts["messages"] == 2

    said = shown(grafana, ONE, "Transcript", {}, **chosen)
    failed = n % 5 == 0
    feedback = ["feedback"] if n % 5 != 2 else []
    assert said.values("what") == ["user", "failed tool" if failed else "tool", "agent", *feedback]
    assert said.values("content")[0] == "Where is my order?\nIt's late."
    assert said.values("content")[1].startswith(("find_order", "open_ticket", seed.HOSTILE)[n % 3] + '({"id": 1})')
    assert said.values("content")[2] == "<b>It is</b> on its way."
    assert said.values("after_s")[:3] == [None, 0.5, pytest.approx(1.5 + 0.1 * n)]
    assert said.values("took_s")[1] == pytest.approx(0.02 * n)
    assert set(said.values("trace_id")) == {seed.trace_id(seed.conversation_id(n))}

    spans = shown(grafana, ONE, "Trace", {}, **chosen)
    assert [name.split(" ")[0] for name in spans.values("operationName")] == [
        "conversation_opened",
        "invoke_agent",
        "chat",
        "execute_tool",
        *feedback,
    ]
    tool = spans.rows[3]
    assert {"key": "gen_ai.tool.call.arguments", "value": '{"id": 1}'} in tool["tags"]
    assert tool["duration"] == pytest.approx(20 * n)
    assert abs(tool["startTime"] / 1000 - time.time()) < 8 * 86_400
    assert shown(grafana, ONE, "Trace", {}, conversation="", trace=spans.rows[0]["traceID"]).rows == spans.rows


def test_the_trace_has_the_events_of_its_spans_with_what_they_say(grafana: GrafanaUser) -> None:
    spans = shown(grafana, ONE, "Trace", {}, conversation=seed.conversation_id(10)).rows
    (failed,) = (span for span in spans if span["operationName"].startswith("execute_tool"))
    ((_, exception),) = [(span["operationName"], log) for span in spans for log in span["logs"] if span is failed]
    assert exception["name"] == "exception"
    assert exception["timestamp"] == pytest.approx(failed["startTime"] + 200)
    assert exception["fields"] == [
        {"key": "event", "value": "exception"},
        {"key": "exception.type", "value": "Timeout"},
        {"key": "exception.message", "value": "no answer"},
    ]
    assert failed["statusCode"] == 2
    (turn,) = (span for span in spans if span["operationName"].startswith("invoke_agent"))
    assert [log["name"] for log in turn["logs"]] == ["agentsight.message"]


def test_no_conversation_is_shown_where_none_is_chosen(grafana: GrafanaUser) -> None:
    for chosen in ("", "no such conversation"):
        for title in ("Conversation", "Transcript", "Trace"):
            assert shown(grafana, ONE, title, {}, conversation=chosen).rows == []


def test_a_span_sent_twice_is_one_in_the_trace(grafana: GrafanaUser, admin: Any) -> None:
    chosen = {"conversation": seed.conversation_id(0)}
    stored = admin.query(
        "SELECT count(), uniqExact(SpanId) FROM otel_traces WHERE TraceId = {id:String}",
        parameters={"id": seed.trace_id(seed.conversation_id(0))},
    ).result_rows
    spans = shown(grafana, ONE, "Trace", {}, **chosen).values("spanID")
    assert [(2 * len(spans), len(spans))] == stored


def test_the_slowest_panels_are_named(grafana: GrafanaUser, admin: Any) -> None:
    began_ms = int(time.time()) * 1000
    shown(grafana, "agentsight-overview", "Devices", {})
    admin.command("SYSTEM FLUSH LOGS")
    now_ms = int(time.time() * 1000)
    asked = viewer("agentsight-pipeline")
    found = grafana.ask(
        type(asked)(began_ms, now_ms + 60_000, asked.variables).expand(
            sql_of(panel("agentsight-pipeline", "Slowest panels"))
        )
    )
    assert "Overview / Devices" in found.values("panel")
    assert all(" / " in name for name in found.values("panel"))
