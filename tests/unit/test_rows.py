"""The exporter's rows, value by value what the collector's ClickHouse exporter (contrib 0.161) was seen to store."""

import math

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from agentsight_otel._export.rows import COLUMNS, attribute_texts, span_to_row

STORED = [
    (1, "1"),
    (-7, "-7"),
    (1.5, "1.5"),
    (2.0, "2"),
    (0.1, "0.1"),
    (1e21, "1e+21"),
    (1.5e300, "1.5e+300"),
    (1e-7, "1e-7"),
    (2.5e-9, "2.5e-9"),
    (1e-6, "0.000001"),
    (1.25e-5, "0.0000125"),
    (1e20, "100000000000000000000"),
    (123456789012345680000.0, "123456789012345680000"),
    (1 / 3, "0.3333333333333333"),
    (0.0, "0"),
    (-0.0, "-0"),
    (math.nan, "NaN"),
    (math.inf, "Infinity"),
    (-math.inf, "-Infinity"),
    (True, "true"),
    (False, "false"),
    ("text", "text"),
    ("<é>&", "<é>&"),
    ((1, 2), "[1,2]"),
    ((1.5, 2.0), "[1.5,2]"),
    ((True, False), "[true,false]"),
    (("a", 'b"c'), '["a","b\\"c"]'),
    (("<é>&", 1e21, True, None), '["<é>&",1e+21,true,null]'),
    (b"\x00\xff", "AP8="),
    ({"b": 1, "a": 2}, '{"a":2,"b":1}'),
    (None, ""),
    ((), "[]"),
    ("\ud800", "?"),
]


@pytest.mark.parametrize(("value", "stored"), STORED, ids=[repr(value) for value, _ in STORED])
def test_attribute_values_become_the_text_that_the_collector_stores(value: object, stored: str) -> None:
    assert attribute_texts({"key": value}) == {"key": stored}


def test_keys_are_sorted() -> None:
    assert list(attribute_texts({"b": 1, "a": 2, "B": 3})) == ["B", "a", "b"]


def test_a_span_becomes_the_row_that_the_collector_stores() -> None:
    context = SpanContext(0xABC, 0x12, False, TraceFlags(1), TraceState([("k", "v")]))
    parent = SpanContext(0xABC, 0x34, False)
    span = ReadableSpan(
        name="execute_tool search",
        context=context,
        parent=parent,
        resource=Resource({"service.name": "agent", "n": 1}),
        attributes={"gen_ai.tool.name": "search", "count": 3},
        events=[Event("agentsight.message", {"agentsight.message.sender": "agent"}, 1_700_000_000_000_000_001)],
        links=[Link(SpanContext(0x1, 0x2, True), {"x": True})],
        kind=SpanKind.CLIENT,
        status=Status(StatusCode.ERROR, "went wrong"),
        start_time=1_700_000_000_000_000_000,
        end_time=1_700_000_000_500_000_000,
        instrumentation_scope=InstrumentationScope("scope", "1.2"),
    )
    assert dict(zip(COLUMNS, span_to_row(span), strict=True)) == {
        "Timestamp": 1_700_000_000_000_000_000,
        "TraceId": "00000000000000000000000000000abc",
        "SpanId": "0000000000000012",
        "ParentSpanId": "0000000000000034",
        "TraceState": "k=v",
        "SpanName": "execute_tool search",
        "SpanKind": "Client",
        "ServiceName": "agent",
        "ResourceAttributes": {"n": "1", "service.name": "agent"},
        "ScopeName": "scope",
        "ScopeVersion": "1.2",
        "SpanAttributes": {"count": "3", "gen_ai.tool.name": "search"},
        "Duration": 500_000_000,
        "StatusCode": "Error",
        "StatusMessage": "went wrong",
        "Events.Timestamp": [1_700_000_000_000_000_001],
        "Events.Name": ["agentsight.message"],
        "Events.Attributes": [{"agentsight.message.sender": "agent"}],
        "Links.TraceId": ["00000000000000000000000000000001"],
        "Links.SpanId": ["0000000000000002"],
        "Links.TraceState": [""],
        "Links.Attributes": [{"x": "true"}],
    }


@pytest.mark.parametrize(
    ("kind", "stored"),
    [
        (SpanKind.INTERNAL, "Internal"),
        (SpanKind.SERVER, "Server"),
        (SpanKind.CLIENT, "Client"),
        (SpanKind.PRODUCER, "Producer"),
        (SpanKind.CONSUMER, "Consumer"),
    ],
)
def test_span_kinds(kind: SpanKind, stored: str) -> None:
    assert span_to_row(ReadableSpan("x", kind=kind))[list(COLUMNS).index("SpanKind")] == stored


def test_a_root_has_no_parent_and_a_span_that_ends_before_it_starts_wraps_around() -> None:
    row = dict(zip(COLUMNS, span_to_row(ReadableSpan("x", start_time=10, end_time=9)), strict=True))
    assert row["ParentSpanId"] == ""
    assert row["Duration"] == 2**64 - 1
    assert row["StatusCode"] == "Unset"


def test_ids_of_zeros_are_no_ids() -> None:
    nobody = SpanContext(0, 0, False)
    row = dict(
        zip(COLUMNS, span_to_row(ReadableSpan("x", context=nobody, parent=nobody, links=[Link(nobody)])), strict=True)
    )
    ids = ("TraceId", "SpanId", "ParentSpanId", "Links.TraceId", "Links.SpanId")
    assert [row[column] for column in ids] == ["", "", "", [""], [""]]
