"""The views for dashboards beside the metrics: the conversations behind the figures, and the state of the pipeline."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from agentsight_otel.clickhouse.catalogue import CATALOGUE, FILTER_LABELS
from tests.sql.model import Event, Span
from tests.sql.storing import empty, insert, refresh, resolve

NOW_MS = int(time.time() * 1000)
WINDOW = (
    f"from={NOW_MS - 86_400_000}, to={NOW_MS + 60_000}, timezone='UTC',"
    " service=[], environment=[], device={}, source=[], language=[], country=[]"
)


def span(conversation: str, span_id: str, at_ms: int, **given: Any) -> Span:
    return Span(
        trace_id=conversation.ljust(32, "0"),
        span_id=span_id.ljust(16, "0"),
        name="step",
        start_ns=at_ms * 1_000_000,
        attributes={"gen_ai.conversation.id": conversation, **given.pop("attributes", {})},
        **given,
    )


@pytest.fixture
def filled(client: Any) -> Iterator[Any]:
    asked = Event(
        at_ns=(NOW_MS - 5_000) * 1_000_000,
        name="agentsight.message",
        attributes={"agentsight.message.sender": "end_user", "agentsight.message.content": "?"},
    )
    spans = [
        span("a", "1", NOW_MS - 5_000, events=(asked,), attributes={"agentsight.conversation.device": "mobile"}),
        span(
            "a",
            "2",
            NOW_MS - 4_000,
            attributes={
                "agentsight.span.kind": "tool",
                "gen_ai.tool.name": "Open_Ticket ",
                "error.type": "Timeout",
            },
            status="Error",
        ),
        span(
            "a",
            "3",
            NOW_MS - 3_000,
            attributes={"agentsight.span.kind": "feedback", "agentsight.feedback.sentiment": "negative"},
        ),
        span("b", "4", NOW_MS - 5_000, events=(asked,), resource={"service.version": "2"}, duration_ns=2_000_000_000),
        Span(trace_id="", span_id="", name="step", start_ns=(NOW_MS - 2_000) * 1_000_000, attributes={}),
    ]
    insert(client, spans)
    insert(client, spans[:1])
    yield client
    empty(client)


def test_the_conversations_behind_a_figure_say_how_they_went(filled: Any) -> None:
    rows = filled.query(
        "SELECT conversation_id, device, user_messages, escalated, feedback"
        f" FROM conversations_in_window({WINDOW.format([])}) ORDER BY conversation_id"
    ).result_rows
    assert rows == [("a", "mobile", 1, 1, "negative"), ("b", "unknown", 1, 0, "")]
    only = filled.query(
        f"SELECT conversation_id FROM conversations_in_window({WINDOW.format(['unknown'])})"
    ).result_rows
    assert only == [("b",)]


def test_their_number_is_the_metric(filled: Any) -> None:
    for view in ("metric_total_conversations", "metric_human_escalation"):
        conversations = filled.query(f"SELECT conversations FROM {view}({WINDOW.format([])})").result_rows
        assert (
            filled.query(f"SELECT count() FROM conversations_in_window({WINDOW.format([])})").result_rows
            == conversations
        )


def test_conversations_in_window_has_the_columns_of_conversations_v(client: Any) -> None:
    def columns(table: str) -> list[tuple[str, str]]:
        return [tuple(row[:2]) for row in client.query(f"DESCRIBE TABLE (SELECT * FROM {table})").result_rows]

    plain = columns("conversations_v")
    plain = plain[: [name for name, _ in plain].index("conversation_key") + 1]
    started = columns(f"conversations_in_window({WINDOW.format([])})")
    assert started[: len(plain)] == plain
    assert columns(f"conversations_behind({WINDOW.format([])}, show='', tool='', by='', model='')") == started


def test_views_give_plain_types(client: Any) -> None:
    # Clients know Array(String); few know SimpleAggregateFunction(min, String).
    window = WINDOW.format([])
    for view in (
        *("conversations_v", "messages_v", "tool_calls_v", "feedback_v", "deployments_v", "pipeline_storage"),
        *(f"{view}({window})" for view in ("conversations_in_window", "filter_values", "failed_tool_calls")),
        f"conversations_behind({window}, show='', tool='', by='', model='')",
        f"model_usage_by({window}, by='model', step_s=60)",
        f"pipeline_duplicates({window})",
        *(
            f"{view}_over_time({window}, step_s=60)"
            for view in ("tool_usage", "conversations", "response_time", "feedback")
        ),
        *(f"{metric.view}({window})" for metric in CATALOGUE),
    ):
        for row in client.query(f"DESCRIBE TABLE (SELECT * FROM {view})").result_rows:
            assert "AggregateFunction" not in row[1], (view, row)


def test_filters_list_their_values_with_what_they_match(filled: Any) -> None:
    rows = filled.query(f"SELECT filter, value, conversations FROM filter_values({WINDOW.format([])})").result_rows
    assert {row[0] for row in rows} == set(FILTER_LABELS)
    assert [row[1:] for row in rows if row[0] == "device"] == [("mobile", 1), ("unknown", 1)]
    assert CATALOGUE[8].view == "metric_device_usage"
    assert filled.query(f"SELECT * FROM metric_device_usage({WINDOW.format([])})").result_rows == [
        ("mobile", 1),
        ("unknown", 1),
    ]


def test_tools_over_time_add_up_to_the_metric(filled: Any) -> None:
    window = WINDOW.format([])
    steps = filled.query(f"SELECT time, tool, calls, errors FROM tool_usage_over_time({window}, step_s=60)").result_rows
    ((tool, calls, errors),) = filled.query(f"SELECT tool, calls, errors FROM metric_tool_usage({window})").result_rows
    assert [row[1:] for row in steps] == [(tool, calls, errors)] == [("Open_Ticket ", 1, 1)]
    assert steps[0][0].timestamp() % 60 == 0


def test_figures_over_time_add_up_to_the_metrics(client: Any) -> None:
    spans = []
    for n in range(40):  # every 50 minutes, with an answer after n seconds, to some at once, to some the next day
        at_ms = NOW_MS - 86_000_000 + n * 2_000_000
        later = 23 * 3_600_000 if n % 8 == 7 else n * 1_000
        said = [
            Event(
                at_ns=(at_ms + after_ms) * 1_000_000,
                name="agentsight.message",
                attributes={"agentsight.message.sender": sender, "agentsight.message.content": "?"},
            )
            for sender, after_ms in (("end_user", -10_000), ("end_user", 0), ("agent", later))
        ]
        who = {"user.id": f"customer {n % 9}"}
        spans.append(span(f"c{n}", f"{n}a", at_ms, events=tuple(said), attributes=who))
        if n % 4 == 0:
            tool = {"agentsight.span.kind": "tool", "gen_ai.tool.name": "open_ticket"}
            spans.append(span(f"c{n}", f"{n}b", at_ms, attributes=tool))
        for sentiment in ("negative", "positive")[: n % 3]:
            given = {"agentsight.span.kind": "feedback", "agentsight.feedback.sentiment": sentiment}
            spans.append(span(f"c{n}", f"{n}c{sentiment}", at_ms + len(sentiment), attributes=given))
    insert(client, [*spans, *spans[:5]])
    try:
        window = WINDOW.format([])

        def over_time(view: str, step_s: int, columns: str) -> list[Any]:
            asked = f"SELECT {columns} FROM {view}({window}, step_s={step_s})"
            return [tuple(row) for row in client.query(asked).result_rows]

        def metric(view: str, columns: str) -> tuple[Any, ...]:
            (row,) = client.query(f"SELECT {columns} FROM {view}({window})").result_rows
            return tuple(row)

        for step_s in (60, 3_600):
            steps = over_time("response_time_over_time", step_s, "time, responses, average_s, p95_s")
            responses, average_s = metric("metric_agent_response_time", "responses, average_s")
            assert sum(row[1] for row in steps) == responses > 30
            assert sum(row[1] * row[2] for row in steps) / responses == pytest.approx(average_s)
            assert all(row[0].timestamp() % step_s == 0 and row[3] >= row[2] for row in steps)
            steps = over_time("conversations_over_time", step_s, "conversations, escalated, users")
            assert [sum(column) for column in zip(*steps, strict=True)][:2] == list(
                metric("metric_human_escalation", "conversations, escalated")
            )
            steps = over_time("feedback_over_time", step_s, "positive, neutral, negative")
            assert tuple(sum(column) for column in zip(*steps, strict=True)) == metric(
                "metric_conversation_feedback", "positive, neutral, negative"
            )
        # One step over everything is the metric itself.
        everything = 2_000_000_000
        assert over_time("response_time_over_time", everything, "average_s, p50_s, p95_s, responses") == [
            metric("metric_agent_response_time", "average_s, p50_s, p95_s, responses")
        ]
        assert over_time("conversations_over_time", everything, "users, escalation_rate") == [
            (*metric("metric_individual_users", "users"), *metric("metric_human_escalation", "rate"))
        ]
        assert over_time("conversations_over_time", everything, "duration_s") == [
            metric("metric_conversation_duration", "average_s")
        ]
        assert over_time("feedback_over_time", everything, "positive_rate") == [
            metric("metric_conversation_feedback", "positive_rate")
        ]
    finally:
        empty(client)


def test_failed_tool_calls_are_those_of_the_conversations_that_match(filled: Any) -> None:
    for device, expected in (([], ["a"]), (["mobile"], ["a"]), (["unknown"], [])):
        rows = filled.query(
            f"SELECT conversation_id, error_type FROM failed_tool_calls({WINDOW.format(device)})"
        ).result_rows
        assert rows == [(conversation, "Timeout") for conversation in expected]


def test_what_arrived_is_counted_as_often_as_it_arrived(filled: Any) -> None:
    ((spans, counted, lag),) = filled.query(
        "SELECT sum(spans), sum(counted_spans), max(lag_p95_s) FROM pipeline_ingest"
    ).result_rows
    assert (spans, counted) == (6, 5)
    assert 2 < lag <= time.time() - NOW_MS / 1_000 + 5


def test_duplicates_are_found_and_spans_without_ids_are_none(filled: Any) -> None:
    rows = filled.query(
        f"SELECT sum(received), sum(spans), sum(duplicates) FROM pipeline_duplicates({WINDOW.format([])})"
    ).result_rows
    assert rows == [(5, 4, 1)]


def test_a_new_version_marks_a_deployment(filled: Any) -> None:
    rows = filled.query(
        "SELECT service, environment, version, toUnixTimestamp64Milli(first_seen_at) FROM deployments_v"
    )
    assert [row[2:] for row in rows.result_rows] == [("2", NOW_MS - 5_000)]


def test_storage_lists_this_databases_tables(filled: Any) -> None:
    rows = {
        row[0]: row[1:]
        for row in filled.query("SELECT table, parts, rows, disk_bytes FROM pipeline_storage").result_rows
    }
    assert {"otel_traces", "conversation_days", "ingest_minutes"} <= set(rows)
    assert rows["otel_traces"][1] == 6
    assert rows["otel_traces"][2] > 0


def test_what_waits_to_be_resolved_is_counted(filled: Any) -> None:
    asked = "SELECT live_conversations FROM pipeline_resolved"
    assert filled.query(asked).result_rows == [(2,)]
    resolve(filled)
    assert filled.query(asked).result_rows == [(0,)]


def test_what_waits_is_resolved_in_rounds(client: Any) -> None:
    empty(client)
    client.command(
        "INSERT INTO touched SELECT now() - 1000 + intDiv(number, 1000), sipHash64(number), 0 FROM numbers(300000)"
    )
    rounds = []
    for _ in range(3):
        refresh(client, "resolution_due_mv")
        rounds.append(client.query("SELECT live_conversations FROM pipeline_resolved").first_row[0])
    empty(client)
    assert rounds == [101_000, 0, 0]


def test_what_was_missed_is_resolved_within_the_hour_a_sixtieth_each_minute(client: Any) -> None:
    empty(client)
    client.command("INSERT INTO touched SELECT now(), 0, 0")
    refresh(client, "resolution_due_mv")  # from now on all of before counts as resolved
    insert(client, [span(str(number), "1", NOW_MS - 5_000) for number in range(600)])
    client.command("TRUNCATE TABLE touched")
    client.command("INSERT INTO touched SELECT now() - 600, conversation_key, 0 FROM conversations")
    minutes = {client.query("SELECT toMinute(now('UTC'))").first_row[0]}
    refresh(client, "resolved_again_mv")
    minutes.add(client.query("SELECT toMinute(now('UTC'))").first_row[0])
    found = client.query("SELECT count(), groupUniqArray(conversation_key % 60) FROM resolved WHERE day != 2147483647")
    empty(client)
    ((conversations, sixtieths),) = found.result_rows
    assert conversations > 0
    assert set(sixtieths) <= minutes


def test_services_whose_clocks_are_behind_are_named(filled: Any) -> None:
    filled.command(
        "INSERT INTO otel_traces (Timestamp, TraceId, SpanId, ParentSpanId, ServiceName) VALUES"
        f" (fromUnixTimestamp64Milli({NOW_MS}, 'UTC'), 't', 'p', '', 'gateway'),"
        f" (fromUnixTimestamp64Milli({NOW_MS - 2_000}, 'UTC'), 't', 'c', 'p', 'worker'),"
        f" (fromUnixTimestamp64Milli({NOW_MS + 5}, 'UTC'), 't', 'd', 'p', 'worker'),"
        f" (fromUnixTimestamp64Milli({NOW_MS - 1}, 'UTC'), 't', 'e', 'p', 'gateway')"
    )
    rows = filled.query(f"SELECT * FROM pipeline_clocks({WINDOW.format([])})").result_rows
    assert rows == [("worker", "gateway", 2, 1, 2_000.0)]


def test_what_the_metrics_leave_out_is_counted_by_reason(client: Any) -> None:
    def left(conversation: str, span_id: str, attributes: dict[str, str]) -> Span:
        return span(conversation, span_id, NOW_MS - 1_000, attributes=attributes)

    insert(
        client,
        [
            left("robot", "1", {"agentsight.conversation.robot": "true", "user.id": "u1"}),
            left("robot", "2", {}),
            left("c", "3", {"user.id": " Guest"}),
            left("d", "4", {"user.id": "guest"}),
            left("d", "5", {"user.id": "undefined"}),
            left("e", "6", {"agentsight.ignore": "true", "user.id": "guest"}),
            left("f", "7", {"user.id": "u7"}),
        ],
    )
    rows = client.query(f"SELECT * FROM pipeline_left_out({WINDOW.format([])})").result_rows
    empty(client)
    assert rows == [
        ("no customer", "guest", 2, 2),
        ("ignored", "", 1, 1),
        ("no customer", "undefined", 1, 1),
        ("robot", "", 1, 2),
    ]
