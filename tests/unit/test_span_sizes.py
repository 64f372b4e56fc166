"""A span's size on the wire is never underestimated, and a cut span fits and says what it lost."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags, TraceState

from agentsight_otel._export.span_edits import cut, encodable
from agentsight_otel._export.span_sizes import resource_wire_bytes, wire_bytes

CONTEXT = SpanContext(2**127 + 1, 2**63 + 1, False, TraceFlags(1), TraceState([("vendor", "value")]))
RESOURCE = Resource({"service.name": "agent"})

VALUES = (
    st.text(max_size=300)
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.binary(max_size=100)
    | st.lists(st.text(max_size=20), max_size=20).map(tuple)
    | st.lists(st.integers(0, 100), max_size=20).map(tuple)
)
ATTRIBUTES = st.dictionaries(st.text(min_size=1, max_size=50), VALUES, max_size=12)
EVENTS = st.lists(st.builds(Event, st.text(max_size=20), ATTRIBUTES, st.integers(0, 2**63)), max_size=8)
SPANS = st.builds(
    ReadableSpan,
    name=st.text(max_size=100),
    context=st.just(CONTEXT),
    parent=st.none() | st.just(CONTEXT),
    resource=st.just(RESOURCE),
    attributes=ATTRIBUTES,
    events=EVENTS,
    links=st.lists(st.builds(Link, st.just(CONTEXT), ATTRIBUTES), max_size=3),
    status=st.just(Status(StatusCode.OK)) | st.builds(Status, st.just(StatusCode.ERROR), st.text(max_size=50)),
    start_time=st.integers(0, 2**63),
    end_time=st.integers(0, 2**63),
    instrumentation_scope=st.just(InstrumentationScope("scope", "1")),
)


def encoded_bytes(*spans: ReadableSpan) -> int:
    return int(encode_spans(spans).ByteSize())


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy
@given(spans=st.lists(SPANS, min_size=1, max_size=5))
def test_the_estimate_is_an_upper_bound(spans: list[ReadableSpan]) -> None:
    assert encoded_bytes(*spans) <= sum(map(wire_bytes, spans)) + resource_wire_bytes(RESOURCE)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy
@given(span=SPANS, max_bytes=st.integers(1_000, 5_000))
def test_a_cut_span_fits(span: ReadableSpan, max_bytes: int) -> None:
    links_and_name = wire_bytes(ReadableSpan(span.name, CONTEXT, links=span.links, status=span.status))
    short = cut(span, max_bytes + links_and_name)
    assert wire_bytes(short) <= max_bytes + links_and_name
    assert (short is span) == (wire_bytes(span) <= max_bytes + links_and_name)
    assert short.context == span.context


def span_of(**contents: object) -> ReadableSpan:
    return ReadableSpan("turn", CONTEXT, resource=RESOURCE, **contents)  # type: ignore[arg-type]


def test_the_longest_texts_are_cut_first_and_alike() -> None:
    short = cut(span_of(attributes={"a": "x" * 9_000, "b": "y" * 6_000, "c": "z" * 100}), 5_000)
    attributes = dict(short.attributes or {})
    assert attributes["c"] == "z" * 100
    assert len(str(attributes["a"]).encode()) == len(str(attributes["b"]).encode()) > 2_000
    assert str(attributes["a"]).endswith("x…")
    assert attributes["agentsight.cut.bytes"] == 15_100 - 100 - 2 * len(str(attributes["a"]).encode())


def test_every_message_of_a_long_turn_stays_as_long_as_there_is_room_for_its_mark() -> None:
    events = [Event("agentsight.message", {"content": "m" * 1_000}, 1) for _ in range(1_000)]
    short = cut(span_of(events=events), 300_000)
    assert len(short.events) == 1_000
    assert "agentsight.cut.events" not in (short.attributes or {})
    fewer = cut(span_of(events=events), 30_000)
    assert 0 < len(fewer.events) == 1_000 - int((fewer.attributes or {})["agentsight.cut.events"])  # type: ignore[arg-type]


def test_the_identity_outlives_all_other_attributes() -> None:
    many = {"gen_ai.conversation.id": "c1"} | {f"key{number}": number for number in range(10_000)}
    short = cut(span_of(attributes=many), 5_000)
    assert (short.attributes or {})["gen_ai.conversation.id"] == "c1"
    assert len(short.attributes or {}) < 300


def test_mended_spans_can_be_encoded() -> None:
    mended = encodable(span_of(attributes={"a": "\ud800", "b": 2**70, "c": ("\ud800", "x"), "d": object()}))
    assert encoded_bytes(mended)
    assert (mended.attributes or {})["a"] == "?"
    assert (mended.attributes or {})["b"] == str(2**70)
    assert (mended.attributes or {})["c"] == ("?", "x")


def test_json_in_a_cut_span_is_json_still() -> None:
    rows = json.dumps([{"id": number, "text": "x" * 50} for number in range(1_000)])
    short = cut(span_of(attributes={"rows": rows, "text": "{" + "x" * 60_000}), 20_000)
    attributes = dict(short.attributes or {})
    assert json.loads(str(attributes["rows"]))[-1].endswith("more")
    assert str(attributes["text"]).startswith("{x") and str(attributes["text"]).endswith("x…")
