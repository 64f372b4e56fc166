"""Conversations of other SDKs leave as completely: what is derived of them, and spans that name no conversation."""

import io
import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from agentsight_otel import replay
from agentsight_otel._export import content
from agentsight_otel._export.rows import COLUMNS, Point, row_of
from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import export, schema
from agentsight_otel.clickhouse.erasure import Eraser, Retention, set_rules
from agentsight_otel.local import EmbeddedClickHouse
from agentsight_otel.metrics import METRICS, Window, query
from tests.e2e.test_erasure import parts_with

START = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0) - timedelta(days=40)
WINDOW = Window(START - timedelta(days=1), START + timedelta(days=10))
ANN = "ann-4711"
PERSON = (ANN, "ann@example.org", "my knee hurts")
COUNTED_BY_TRACE = (
    *("metric_tool_usage", "metric_total_messages", "metric_conversation_feedback", "metric_total_conversations"),
    "metric_agent_response_time",
)
"""Metrics of what spans that name no conversation tell, too."""
VIEWS = {
    "conversations_v": "conversation_id",
    "messages_v": "conversation_id, timestamp, sender",
    "tool_calls_v": "conversation_id, timestamp",
    "feedback_v": "conversation_id, timestamp",
}


def span(
    trace: str,
    number: int,
    at_s: float,
    length_s: float,
    name: str,
    attributes: dict[str, str],
    events: dict[str, dict[str, str]] | None = None,
) -> list[Any]:
    start_ns = int((START.timestamp() + at_s) * 1e9)
    return row_of(
        start_ns=start_ns,
        end_ns=start_ns + int(length_s * 1e9),
        trace_id=trace,
        span_id=f"{number:016x}",
        parent_span_id="",
        trace_state="",
        name=name,
        kind="Internal",
        service="shop",
        resource={"service.name": "shop"},
        scope=("openinference", "1"),
        attributes=attributes,
        status=("Unset", ""),
        events=[Point(start_ns, name, given) for name, given in (events or {}).items()],
        links=[],
    )


def exchange(customer: str, conversation: str, trace: str, number: int, at_s: float) -> Iterator[list[Any]]:
    """A run of an agent: its own span names the conversation, those of its tool, its model and its rating do not."""
    said = f"{PERSON[2]}, write to {PERSON[1]}" if customer == ANN else "hello"
    ask = json.dumps([{"role": "user", "parts": [{"type": "text", "content": said}]}])
    answer = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": f"Noted: {said}"}]}])
    texts = {"gen_ai.input.messages": ask, "gen_ai.output.messages": answer}
    who = {"gen_ai.conversation.id": conversation, "user.id": customer, "agentsight.conversation.device": "mobile"}
    yield span(trace, number, at_s, 5, "invoke_agent shop", {"gen_ai.operation.name": "invoke_agent", **who, **texts})
    model = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5", "gen_ai.usage.input_tokens": "100"}
    events = {"gen_ai.user.message": {"content": said}, "gen_ai.choice": {"message": said, "finish_reason": "stop"}}
    yield span(trace, number + 1, at_s + 1, 1, "chat gpt-5", {**model, **texts}, events)
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": f"find_{customer}"}
    yield span(trace, number + 2, at_s + 2.5, 1, "execute_tool", {**tool, "gen_ai.tool.call.arguments": said})
    rating = {"logfire.span_type": "annotation", "logfire.feedback.name": "stars", "stars": "positive"}
    yield span(trace, number + 3, at_s + 9, 0, "feedback: stars", {**rating, "logfire.feedback.comment": said})


def spans(*, with_ann: bool) -> list[list[Any]]:
    rows: list[list[Any]] = []
    for number in range(1, 13):
        customer = ANN if number % 3 == 0 else f"u{number % 3}"
        if with_ann or customer != ANN:
            rows += exchange(customer, f"{customer}-{number}", f"{number:032x}", number * 100, number * 3_600)
    # Two conversations in one trace: all that names none is that of the first.
    both = [exchange(ANN, f"{ANN}-20", "a" * 32, 2_000, 50_000), exchange("u1", "u1-21", "a" * 32, 2_100, 50_100)]
    shared = [list(one) for one in both]
    rows += [*shared[0], *shared[1]] if with_ann else shared[1][:1]
    behind = list(exchange("u2", "u2-30", "b" * 32, 3_000, 60_000))
    rows += behind
    if with_ann:
        rows += list(exchange(ANN, f"{ANN}-31", "b" * 32, 3_100, 60_100))[:1]
    return rows


def fill(url: str, rows: list[list[Any]]) -> None:
    with clickhouse_client.connect(url) as client:
        client.insert("otel_traces", rows, column_names=list(COLUMNS), column_type_names=list(COLUMNS.values()))
        for view in ("derivation_due_mv", "resolution_due_mv"):
            client.command(f"SYSTEM REFRESH VIEW {view}")
            client.command(f"SYSTEM WAIT VIEW {view}")


def figures(url: str) -> dict[str, Any]:
    with clickhouse_client.connect(url) as client:
        found: dict[str, Any] = {view: query(client, view, WINDOW) for view in (*METRICS, "model_usage")}
        for view, order in VIEWS.items():
            found[view] = client.query(f"SELECT * FROM {view} ORDER BY {order}").result_rows
        return found


@pytest.fixture
def url(clickhouse_server: EmbeddedClickHouse, request: pytest.FixtureRequest) -> str:
    url = clickhouse_server.url(f"foreign_{abs(hash(request.node.name)) % 10**8}")
    schema.apply(url)
    fill(url, spans(with_ann=True))
    return url


@pytest.fixture(scope="module")
def filled_url(kept_url: str) -> str:
    """The same, for tests that erase nothing."""
    fill(kept_url, spans(with_ann=True))
    return kept_url


def test_nothing_of_a_person_is_left_and_the_views_are_those_of_a_database_that_never_had_them(
    url: str, clickhouse_server: EmbeddedClickHouse
) -> None:
    never = clickhouse_server.url("foreign_never")
    schema.apply(never)
    fill(never, spans(with_ann=False))
    before = figures(url)
    assert any("my knee hurts" in str(row) for row in before["messages_v"])
    assert {row["tool"] for row in before["metric_tool_usage"]} == {"find_u1", "find_u2", f"find_{ANN}"}
    with Eraser(url) as eraser:
        erased = eraser.erase(eraser.plan(customers=[ANN]))
        assert erased.left == {} and erased.conversations == 6
        assert eraser.verify(PERSON) == []
    assert [parts_with(url, text) for text in PERSON] == [0] * len(PERSON)
    expected = figures(never)
    assert {view: rows for view, rows in figures(url).items() if rows != expected[view]} == {}


def test_late_spans_count_nowhere_and_are_removed_at_night(url: str) -> None:
    with Eraser(url) as eraser:
        eraser.erase(eraser.plan(customers=[ANN]))
        before = figures(url)
        late = list(exchange(ANN, f"{ANN}-3", f"{3:032x}", 300, 3 * 3_600))
        for rows in (late[1:], late[:1]):  # what names no conversation first, alone
            fill(url, rows)
            assert figures(url) == before
            assert parts_with(url, "my knee hurts") > 0
            assert eraser.clean_up().left == {}
            assert [parts_with(url, text) for text in PERSON] == [0] * len(PERSON)
        assert figures(url) == before


def test_texts_go_after_their_time_and_figures_stay(url: str) -> None:
    before = figures(url)
    set_rules(url, {}, {"": 1})
    with Retention(url, content.ALL, content.NO_TEXT_OF_EVENTS) as retention:
        assert retention.enforce().spans > 0
        assert retention.enforce().spans == 0
    for text in ("my knee hurts", "hello", "Noted:", "ann@example.org"):
        assert parts_with(url, text) == 0, text
    with clickhouse_client.connect(url) as client:  # derived once more, from what is left
        client.command("INSERT INTO touched_traces SELECT now64(3), trace_key FROM foreign_spans")
    fill(url, [])
    after = figures(url)
    for view in (*METRICS, "model_usage"):
        assert after[view] == before[view], view
    assert [row[:3] for row in after["messages_v"]] == [row[:3] for row in before["messages_v"]]


def test_an_export_of_a_customer_s_spans_is_what_erasing_would_remove(filled_url: str) -> None:
    alone = {"user.id": ANN, "gen_ai.operation.name": "chat"}
    ignored = {"user.id": ANN, "gen_ai.conversation.id": "seen nowhere", "agentsight.ignore": "true"}
    fill(
        filled_url, [span("c" * 32, 4_000, 70_000, 1, "chat", alone), span("d" * 32, 4_001, 70_100, 1, "chat", ignored)]
    )
    with Eraser(filled_url) as eraser:
        plan = eraser.plan(customers=[ANN])
    file = io.BytesIO()
    export.write(filled_url, "spans", export.Selection(customers=(ANN,)), "jsonl", file)
    rows = [json.loads(line) for line in file.getvalue().splitlines()]
    assert len({(row["TraceId"], row["SpanId"]) for row in rows}) == len(rows) == plan.rows["otel_traces"]
    assert {"c" * 32, "d" * 32} <= {row["TraceId"] for row in rows}


@pytest.mark.parametrize("kind", ["conversations", "spans"])
def test_what_other_sdks_recorded_is_exported_and_replayed(
    filled_url: str, clickhouse_server: EmbeddedClickHouse, kind: str
) -> None:
    other = clickhouse_server.url(f"foreign_replayed_{kind}")
    schema.apply(other)
    file = io.BytesIO()
    export.write(filled_url, kind, export.Selection(), "jsonl", file)
    reading = replay.read(io.BytesIO(file.getvalue()))
    assert reading.refusals == ()
    replay.store_spans(reading.spans, other)
    replay.play(reading.transcripts, other)
    fill(other, [])
    with clickhouse_client.connect(filled_url) as one, clickhouse_client.connect(other) as two:
        for view in COUNTED_BY_TRACE:
            assert query(two, view, WINDOW) == query(one, view, WINDOW), view
