"""Data that the real collector lets through: no insert fails, no view breaks, the rest counts as ever."""

from typing import Any

import pytest

from agentsight_otel.metrics import METRICS
from tests.sql.model import Ask, Event, Span, answers
from tests.sql.storing import ask_view, assert_views_agree, empty, insert

EVER = Ask(-(2**31) * 1_000, 9_223_372_036_000, "Europe/Athens")
GOOD = Span(
    "1" * 32,
    "1" * 16,
    "invoke_agent",
    1_790_000_000_000_000_000,
    attributes={"gen_ai.conversation.id": "good", "agentsight.span.kind": "turn"},
    events=(Event(1_790_000_000_000_000_000, "agentsight.message", {"agentsight.message.sender": "end_user"}),),
)


@pytest.fixture(autouse=True)
def emptied(client: Any) -> None:
    empty(client)


@pytest.mark.parametrize("start_ns", [-1, -86_400_000_000_001, 0, 2**63 - 1, 9_200_000_000_000_000_000])
def test_odd_times_neither_break_an_insert_nor_a_view(client: Any, start_ns: int) -> None:
    odd = Span(
        "2" * 32,
        "2" * 16,
        "invoke_agent",
        start_ns,
        attributes={"gen_ai.conversation.id": "odd", "agentsight.span.kind": "turn"},
        events=(Event(start_ns, "agentsight.message", {"agentsight.message.sender": "end_user"}),),
    )
    insert(client, [GOOD, odd])
    around = Ask(1_789_000_000_000, 1_791_000_000_000, "UTC")
    assert_views_agree(client, answers([GOOD, odd], around), around)
    assert ask_view(client, "metric_total_messages", Ask(start_ns // 1_000_000, start_ns // 1_000_000 + 1)) == [
        (1, 1, 0)
    ]


def test_invalid_utf8_is_stored_and_counted(client: Any) -> None:
    insert(client, [GOOD])
    client.command(
        "INSERT INTO otel_traces (Timestamp, TraceId, SpanId, SpanName, SpanAttributes, `Events.Timestamp`,"
        " `Events.Name`, `Events.Attributes`) SELECT toDateTime64('2026-09-21 00:00:00', 9, 'UTC'), repeat('3', 32),"
        " repeat('3', 16), unhex('ff'), map('gen_ai.conversation.id', unhex('fffe'),"
        " 'agentsight.conversation.device', unhex('c328'), 'agentsight.conversation.source', unhex('ff'),"
        " 'agentsight.conversation.language', unhex('ff80'), 'geo.country.iso_code', unhex('ff'),"
        " 'agentsight.span.kind', 'tool', 'gen_ai.tool.name', unhex('ff')),"
        " [toDateTime64('2026-09-21 00:00:00', 9, 'UTC')], ['agentsight.message'],"
        " [map('agentsight.message.sender', 'end_user')]"
    )
    for view in METRICS:
        ask_view(client, view, EVER)
    assert ask_view(client, "metric_total_conversations", EVER) == [(2,)]


def test_spans_without_ids_are_stored_and_count_nowhere(client: Any) -> None:
    attributes = {**GOOD.attributes, "gen_ai.conversation.id": "nowhere"}
    lost = [
        Span("", "4" * 16, "x", GOOD.start_ns, attributes=attributes, events=GOOD.events),
        Span("4" * 32, "", "x", GOOD.start_ns, attributes=attributes, events=GOOD.events),
        Span("0" * 32, "5" * 16, "x", GOOD.start_ns, attributes=attributes, events=GOOD.events),
        Span("6" * 32, "6" * 16, "x", GOOD.start_ns, events=GOOD.events),
    ]
    insert(client, [GOOD, *lost])
    assert client.query("SELECT count() FROM otel_traces").result_rows == [(5,)]
    assert ask_view(client, "metric_total_messages", EVER) == [(1, 1, 0)]
    assert ask_view(client, "metric_total_conversations", EVER) == [(1,)]


def test_one_insert_may_reach_into_every_month_of_history(client: Any) -> None:
    month_ns = 30 * 86_400 * 1_000_000_000
    spans = [
        Span(
            f"{number + 1:032x}",
            f"{number + 1:016x}",
            "conversation_started",
            number * month_ns,
            attributes={"gen_ai.conversation.id": f"c{number}", "agentsight.span.kind": "conversation"},
        )
        for number in range(300)
    ]
    insert(client, spans)
    ask = Ask(0, 300 * 30 * 86_400_000)
    assert ask_view(client, "metric_total_conversations", ask) == [(300,)]


def test_a_hundred_thousand_messages_in_one_turn(client: Any) -> None:
    many = Span(
        "7" * 32,
        "7" * 16,
        "invoke_agent",
        GOOD.start_ns,
        attributes={"gen_ai.conversation.id": "many", "agentsight.span.kind": "turn"},
        events=tuple(
            Event(
                GOOD.start_ns + number * 1_000_000,
                "agentsight.message",
                {"agentsight.message.sender": ("end_user", "agent")[number % 2]},
            )
            for number in range(100_000)
        ),
    )
    insert(client, [many])
    ask = Ask(1_789_000_000_000, 1_791_000_000_000, "UTC")
    assert_views_agree(client, answers([many], ask), ask)


@pytest.mark.parametrize(
    "value", ["'", "\\", "'; DROP TABLE otel_traces; --", "%", "a,b", "{from}", "\t\n", "🙂", "NULL", "]"]
)
def test_any_filter_value_is_just_a_value(client: Any, value: str) -> None:
    from dataclasses import replace

    span = replace(GOOD, attributes={**GOOD.attributes, "agentsight.conversation.source": value}, service=value)
    insert(client, [span])
    for name in ("source", "service"):
        wanted = value.lower() if name == "source" else value
        ask = Ask(EVER.start_ms, EVER.end_ms, "UTC", {name: [wanted]})
        assert ask_view(client, "metric_total_messages", ask) == [(1, 1, 0)]
        assert ask_view(client, "metric_total_messages", Ask(EVER.start_ms, EVER.end_ms, "UTC", {name: ["x"]})) == [
            (0, 0, 0)
        ]


@pytest.mark.parametrize("session_timezone", ["UTC", "Asia/Kolkata", "America/New_York"])
def test_times_as_text_are_utc_whatever_the_sessions_zone(client: Any, session_timezone: str) -> None:
    insert(client, [GOOD])  # 2026-09-21 14:13:20
    rest = "timezone='UTC', service=[], environment=[], device=[], source=[], language=[], country=[]"
    for start, end, expected in [
        ("2026-09-21 14:13:20", "2026-09-21 14:13:20.001", 1),
        ("2026-09-21 14:13:19", "2026-09-21 14:13:20", 0),
        ("2026-09-21 14:13:20.001", "2026-09-22 00:00:00", 0),
    ]:
        rows = client.query(
            f"SELECT messages FROM metric_total_messages(from='{start}', to='{end}', {rest})",
            settings={"session_timezone": session_timezone},
        ).result_rows
        assert rows == [(expected,)]


def test_an_added_escalation_tool_counts_at_once_and_backwards(client: Any) -> None:
    from dataclasses import replace

    call = replace(
        GOOD,
        span_id="8" * 16,
        attributes={**GOOD.attributes, "agentsight.span.kind": "tool", "gen_ai.tool.name": "My_Desk"},
    )
    insert(client, [GOOD, call])
    assert ask_view(client, "metric_human_escalation", EVER) == [(0, 1, 0.0)]
    client.command("INSERT INTO escalation_tools (tool) VALUES (' my_desk')")
    try:
        assert ask_view(client, "metric_human_escalation", EVER) == [(1, 1, 1.0)]
    finally:
        client.command("ALTER TABLE escalation_tools DELETE WHERE tool = ' my_desk' SETTINGS mutations_sync = 1")


def test_the_grain_views_have_one_row_per_thing_even_when_spans_are_repeated(client: Any) -> None:
    tool = Span(
        "1" * 32,
        "9" * 16,
        "execute_tool search",
        GOOD.start_ns,
        1_500_000_000,
        attributes={
            "gen_ai.conversation.id": "good",
            "agentsight.span.kind": "tool",
            "gen_ai.tool.name": "search",
            "gen_ai.tool.call.arguments": "{}",
        },
        status="Error",
    )
    rating = Span(
        "1" * 32,
        "a" * 16,
        "feedback",
        GOOD.start_ns,
        attributes={
            "gen_ai.conversation.id": "good",
            "agentsight.span.kind": "feedback",
            "agentsight.feedback.sentiment": "positive",
        },
    )
    for _ in range(3):
        insert(client, [GOOD, tool, rating])

    def rows(sql: str) -> list[Any]:
        return list(client.query(sql).result_rows)

    assert rows("SELECT conversation_id, service, messages, user_messages, agent_messages FROM conversations_v") == [
        ("good", "agent", 1, 1, 0)
    ]
    assert rows("SELECT conversation_id, sender, event_index FROM messages_v") == [("good", "end_user", 1)]
    assert rows("SELECT tool, duration_s, error, arguments FROM tool_calls_v") == [("search", 1.5, 1, "{}")]
    assert rows("SELECT conversation_id, sentiment FROM feedback_v") == [("good", "positive")]
