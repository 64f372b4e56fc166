"""Conversations of other SDKs: the rule in SQL against the model in plain Python, and what the views make of it."""

import os
import random
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentsight_otel._export.rows import COLUMNS
from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.local import EmbeddedClickHouse
from agentsight_otel.metrics import Window, query
from tests.sql.exchanges_model import Item, Kind, by_conversation, exchanges
from tests.sql.storing import refresh, resolve

BEGIN_US = 1_790_000_000_000_000
EXAMPLES = int(os.environ.get("AGENTSIGHT_MODEL_EXAMPLES", "15"))
OPERATIONS = {Kind.TOOL: "execute_tool", Kind.MODEL: "chat", Kind.AGENT: "invoke_agent", Kind.CHAIN: "invoke_workflow"}
DERIVED = ("foreign_spans", "trace_claims", "conversation_traces", "touched_traces", "derived_conversations")
TABLES = (
    *DERIVED,
    "derived_days",
    "trace_owners",
    "otel_traces",
    "conversations",
    "conversation_days",
    "tool_calls",
    "feedback",
    "model_calls",
    "resolved",
    "touched",
)


@pytest.fixture(scope="module")
def client(clickhouse_server: EmbeddedClickHouse) -> Iterator[Any]:
    url = clickhouse_server.url("other_sdks")
    schema.apply(url)
    with clickhouse_client.connect(url) as connected:
        for view in ("derivation_due_mv", "derived_until_mv"):
            connected.command(f"SYSTEM STOP VIEW {view}")
        yield connected


@pytest.fixture(autouse=True)
def _nothing_stored(client: Any) -> None:
    empty(client)


def empty(client: Any) -> None:
    for table in TABLES:
        client.command(f"TRUNCATE TABLE {table}")


def derive(client: Any, view: str = "derivation_due_mv") -> None:
    """One round of what runs in the background every ten seconds."""
    refresh(client, view)


def insert(client: Any, items: Iterable[Item]) -> None:
    """As a writer of ``otel_traces`` would, of spans by OpenTelemetry's conventions and OpenInference's."""
    rows = []
    for item in items:
        attributes = {
            "gen_ai.operation.name": OPERATIONS.get(item.kind, ""),
            "operation.name": item.name,
            "gen_ai.conversation.id": item.conversation,
            "gen_ai.tool.name": item.name if item.kind is Kind.TOOL else "",
            "gen_ai.response.finish_reasons": '["tool_calls"]' if item.wants_tool else "",
            "input.value": "a question" if item.has_input else "",
            "output.value": "an answer" if item.has_output else "",
            "gen_ai.response.id": "answered" if item.answered else "",
        }
        row = dict.fromkeys(COLUMNS, "") | {
            "Timestamp": item.start * 1_000,
            "TraceId": item.trace,
            "SpanId": item.span,
            "ParentSpanId": item.parent,
            "SpanName": item.name,
            "SpanKind": "Internal",
            "ServiceName": "agent",
            "ResourceAttributes": {},
            "SpanAttributes": {key: value for key, value in attributes.items() if value},
            "Duration": (item.end - item.start) * 1_000,
            "StatusCode": "Error" if item.failed else "Unset",
        }
        rows.append([[] if "." in name else row[name] for name in COLUMNS])
    if rows:
        client.insert("otel_traces", rows, column_names=list(COLUMNS), column_type_names=list(COLUMNS.values()))


def derived(client: Any) -> dict[str, Counter[tuple[int, str]]]:
    rows = client.query(
        "SELECT conversation_id, toUnixTimestamp64Milli(timestamp), sender FROM messages_v WHERE derived"
    ).result_rows
    found: dict[str, Counter[tuple[int, str]]] = {}
    for conversation, at_ms, sender in rows:
        found.setdefault(conversation, Counter())[at_ms, sender] += 1
    return found


def expected(items: list[Item]) -> dict[str, Counter[tuple[int, str]]]:
    found: dict[str, Counter[tuple[int, str]]] = {}
    for conversation, its in by_conversation(items).items():
        counted: Counter[tuple[int, str]] = Counter()
        for asked, answered in exchanges(its):
            if asked is not None:
                counted[asked // 1_000, "end_user"] += 1
            if answered is not None:
                counted[answered // 1_000, "agent"] += 1
        if counted:
            found[conversation] = counted
    return found


@st.composite
def span_sets(draw: st.DrawFn) -> list[Item]:
    items: list[Item] = []
    ids = (f"{number:016x}" for number in range(1, 10_000))
    at = BEGIN_US
    for trace_number in range(draw(st.integers(1, 5))):
        trace = f"{trace_number + 1:032x}"
        at += draw(st.sampled_from([0, 20_000, 200_000, 700_000, 5_000_000])) + trace_number + 1
        for _ in range(draw(st.integers(1, 3))):
            _grow(draw, items, ids, trace, "", at, draw(st.integers(1_000, 3_000_000)), 0)
            at = max(item.end for item in items) + draw(st.sampled_from([1, 30_000, 60_000, 400_000, 2_000_000]))
    return items


def _grow(
    draw: st.DrawFn, items: list[Item], ids: Iterator[str], trace: str, parent: str, start: int, length: int, depth: int
) -> None:
    kind = draw(st.sampled_from(list(Kind)))
    span = next(ids)
    answered, output = draw(st.booleans()), draw(st.booleans())
    wants = kind is Kind.MODEL and draw(st.booleans())
    items.append(
        Item(
            trace,
            span,
            start,
            start + length,
            kind,
            name=draw(st.sampled_from(["a", "b", "c"])),
            parent=parent,
            conversation=draw(st.sampled_from(["", "", "one", "two"])),
            failed=draw(st.sampled_from([False, False, True])),
            wants_tool=wants,
            has_input=draw(st.booleans()),
            has_output=output,
            answered=answered or output or wants,
        )
    )
    if depth < 3:
        at = start + draw(st.sampled_from([0, 10, 60_000, 1_200_000]))
        for _ in range(draw(st.integers(0, 3))):
            inner = draw(st.sampled_from([0, 10_000, 300_000, 1_500_000]))
            if at + inner > start + length:
                break
            _grow(draw, items, ids, trace, span, at, inner, depth + 1)
            at += inner + draw(st.sampled_from([0, 1, 60_000, 1_100_000]))


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(items=span_sets(), seed=st.integers(0, 2**32))
def test_exchanges_are_those_of_the_model_in_whatever_order_and_however_often_spans_arrive(
    client: Any, items: list[Item], seed: int
) -> None:
    empty(client)
    shuffled = random.Random(seed)
    arriving = [*items, *shuffled.sample(items, len(items) // 3)]
    shuffled.shuffle(arriving)
    half = len(arriving) // 2
    for part in (arriving[:half], arriving[half:]):
        insert(client, part)
        derive(client)
    assert derived(client) == expected(items)


def window(client: Any, view: str) -> dict[str, Any]:
    return query(client, view, Window(*_year()))[0]


def agent(span: str, start_ms: int, end_ms: int, **more: Any) -> Item:
    given = {"trace": "a" * 32, "kind": Kind.AGENT, "name": "shop", "conversation": "c", **more}
    return Item(span=span, start=BEGIN_US + start_ms * 1_000, end=BEGIN_US + end_ms * 1_000, **given)


def test_exchanges_count_in_the_metrics_as_messages_do(client: Any) -> None:
    insert(
        client,
        [
            agent("1" * 16, 0, 2_000),
            agent("2" * 16, 500, 700, kind=Kind.TOOL, name="find_order", conversation=""),
            agent("3" * 16, 10_000, 14_000, trace="b" * 32),
            agent("4" * 16, 60_000, 61_000, trace="d" * 32, failed=True),
        ],
    )
    derive(client)
    assert window(client, "metric_total_messages") == {"messages": 5, "user_messages": 3, "agent_messages": 2}
    assert window(client, "metric_total_conversations") == {"conversations": 1}
    response = window(client, "metric_agent_response_time")
    assert (response["average_s"], response["responses"], response["unanswered"]) == (3.0, 2, 1)
    assert window(client, "metric_conversation_duration")["average_s"] == 61.0
    tools = query(client, "metric_tool_usage", Window(*_year()))
    assert [(row["tool"], row["calls"], row["errors"]) for row in tools] == [("find_order", 1, 0)]


def test_what_was_resolved_of_a_conversation_goes_to_the_one_whose_the_trace_turns_out_to_be(client: Any) -> None:
    day_ms = 86_400_000
    insert(
        client,
        [
            agent("1" * 16, 0, 500, kind=Kind.TOOL, name="find_order"),
            agent("2" * 16, day_ms, day_ms + 2_000, conversation=""),
        ],
    )
    derive(client)
    resolve(client)
    counted = {"messages": 2, "user_messages": 1, "agent_messages": 1}
    assert window(client, "metric_total_messages") == counted
    assert window(client, "metric_total_conversations") == {"conversations": 1}
    insert(client, [agent("3" * 16, -day_ms, 500 - day_ms, kind=Kind.TOOL, name="find_order", conversation="earlier")])
    derive(client)
    resolve(client)
    assert client.query("SELECT conversation_id FROM conversations_v WHERE messages > 0").result_rows == [("earlier",)]
    assert window(client, "metric_total_messages") == counted
    assert window(client, "metric_total_conversations") == {"conversations": 1}
    assert window(client, "metric_agent_response_time")["responses"] == 1


def test_a_conversation_with_message_events_has_those_alone(client: Any) -> None:
    insert(client, [agent("1" * 16, 0, 2_000)])
    derive(client)
    assert window(client, "metric_total_messages")["messages"] == 2
    _message(client, "c")
    derive(client)
    assert window(client, "metric_total_messages") == {"messages": 1, "user_messages": 1, "agent_messages": 0}
    assert derived(client) == {}


def test_marked_spans_are_the_exchanges_and_are_not_called_derived(client: Any) -> None:
    insert(client, [agent("1" * 16, 0, 9_000)])
    _span(client, "c", BEGIN_US + 1_000_000, 500, {"agentsight.exchange": "true", "agentsight.exchange.input": "Hi?"})
    derive(client)
    rows = client.query("SELECT sender, content, derived FROM messages_v ORDER BY timestamp").result_rows
    assert rows == [("end_user", "Hi?", 0), ("agent", "", 0)]
    assert client.query("SELECT messages_derived FROM conversations_v").result_rows == [(0,)]


def test_a_setting_switches_the_derivation_off_and_on(client: Any) -> None:
    insert(client, [agent("1" * 16, 0, 2_000)])
    derive(client)
    for value, messages in (("0", 0), ("1", 2)):
        client.command(f"INSERT INTO settings (name, value) VALUES ('derive_exchanges', '{value}')")
        derive(client)
        assert window(client, "metric_total_messages")["messages"] == messages


def test_ignored_spans_count_nowhere(client: Any) -> None:
    _span(client, "c", BEGIN_US, 500, {"agentsight.exchange": "true", "agentsight.ignore": "true"})
    _span(client, "c", BEGIN_US, 500, {"gen_ai.operation.name": "execute_tool", "agentsight.ignore": "true"})
    derive(client)
    assert window(client, "metric_total_messages")["messages"] == 0
    assert query(client, "metric_tool_usage", Window(*_year())) == []


def test_model_calls_alone_make_no_messages(client: Any) -> None:
    insert(client, [agent("1" * 16, 0, 2_000, kind=Kind.MODEL, answered=True)])
    derive(client)
    assert derived(client) == {}


def _year() -> tuple[datetime, datetime]:
    return datetime(2026, 1, 1, tzinfo=timezone.utc), datetime(2027, 1, 1, tzinfo=timezone.utc)


def _span(client: Any, conversation: str, start_us: int, length_ms: int, attributes: dict[str, str]) -> None:
    row = dict.fromkeys(COLUMNS, "") | {
        "Timestamp": start_us * 1_000,
        "TraceId": "e" * 32,
        "SpanId": secrets.token_hex(8),
        "ResourceAttributes": {},
        "SpanAttributes": {"gen_ai.conversation.id": conversation, **attributes},
        "Duration": length_ms * 1_000_000,
        "StatusCode": "Unset",
    }
    rows = [[[] if "." in name else row[name] for name in COLUMNS]]
    client.insert("otel_traces", rows, column_names=list(COLUMNS), column_type_names=list(COLUMNS.values()))


def _message(client: Any, conversation: str) -> None:
    row = dict.fromkeys(COLUMNS, "") | {
        "Timestamp": BEGIN_US * 1_000,
        "TraceId": "f" * 32,
        "SpanId": "f" * 16,
        "ResourceAttributes": {},
        "SpanAttributes": {"gen_ai.conversation.id": conversation, "agentsight.span.kind": "turn"},
        "Duration": 0,
        "StatusCode": "Unset",
        "Events.Timestamp": [BEGIN_US * 1_000],
        "Events.Name": ["agentsight.message"],
        "Events.Attributes": [{"agentsight.message.sender": "end_user", "agentsight.message.content": "x"}],
    }
    rows = [[row[name] or ([] if "." in name else row[name]) for name in COLUMNS]]
    client.insert("otel_traces", rows, column_names=list(COLUMNS), column_type_names=list(COLUMNS.values()))


def test_a_backlog_is_derived_in_parts(client: Any) -> None:
    client.command(
        "INSERT INTO touched_traces SELECT now64(3) + toIntervalMillisecond(number % 2), number FROM numbers(20001)"
    )
    time.sleep(1.1)  # touched goes by seconds
    insert(client, [agent("1" * 16, 0, 2_000)])
    derive(client)
    assert derived(client) == {}
    derive(client, "derived_until_mv")
    assert client.query("SELECT waiting FROM pipeline_derived").result_rows == [(1,)]
    derive(client)
    assert sum(derived(client)["c"].values()) == 2
    assert client.query("SELECT waiting, lag_s FROM pipeline_derived").result_rows == [(0, 0)]


def test_a_setting_takes_effect_in_turns(client: Any) -> None:
    insert(client, [agent(f"{n:016x}", 0, 2_000, trace=f"{n:032x}", conversation=f"c{n}") for n in range(1, 301)])
    client.command("TRUNCATE TABLE touched_traces")
    client.command("INSERT INTO settings (name, value) VALUES ('derive_exchanges', '1')")
    traces, turns_ms = client.query(
        "SELECT count(), dateDiff('millisecond', min(touched_at), max(touched_at)) FROM touched_traces"
    ).first_row
    assert traces == 300
    assert 200 < turns_ms < 300
