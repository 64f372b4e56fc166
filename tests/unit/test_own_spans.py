"""Our own spans are the SDK's, to whoever has one, though they are made at a fraction of the cost."""

import copy
import json
import logging
from contextlib import suppress
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

import agentsight_otel as agentsight
from agentsight_otel._core.otel_private import LeanSpan, Origin
from agentsight_otel.testing import Capture, capture

PARENT = SpanContext(7, 8, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
LIMITS = SpanLimits(max_events=SpanLimits.UNSET, max_span_attributes=40)


class Ended(SpanProcessor):
    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


def both(limits: SpanLimits = LIMITS) -> tuple[Any, Any, Ended]:
    """A span as we start it, and the same as the SDK's tracer does."""
    ended = Ended()
    provider = TracerProvider(span_limits=limits, shutdown_on_exit=False, resource=Resource({"service.name": "agent"}))
    provider.add_span_processor(ended)
    tracer = provider.get_tracer("scope", "1")
    attributes = {"text": "t" * 30, "number": 1, "fraction": 0.5, "flag": True}
    around = trace.set_span_in_context(trace.NonRecordingSpan(PARENT))
    links = [Link(PARENT)]
    sdks: Any = tracer.start_span("work", around, SpanKind.CLIENT, attributes, links, start_time=1)
    origin = Origin(tracer, ended, limits, InstrumentationScope("scope", "1"))
    ours = origin.start("work", SpanKind.CLIENT, sdks.context, PARENT, dict(attributes), links, 1, 100)
    return ours, sdks, ended


def said(span: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(span.to_json())
    return found | {"wire": encode_spans([span]).SerializeToString(), "dropped": span.dropped_attributes}


def test_one_says_what_the_sdks_says() -> None:
    ours, sdks, ended = both()
    ours.put("more", "text", 50)
    ours.note("message", {"content": "Hello"}, 2, 50)
    sdks.set_attribute("more", "text")
    sdks.add_event("message", {"content": "Hello"}, 2)
    assert ours.is_lean and ours.is_recording() and isinstance(ours, Span)
    assert ours.wire_bytes == 200
    ours.end(3)
    sdks.end(3)
    assert [type(span) for span in ended.spans] == [ReadableSpan, ReadableSpan]
    assert said(ended.spans[0]) == said(ended.spans[1]) == said(ours)
    with suppress(TypeError):  # older versions of the SDK's cannot be copied
        copy.deepcopy(ended.spans[1])
        assert said(copy.deepcopy(ours)) == said(ours)


@pytest.mark.parametrize(
    "limits", [LIMITS, SpanLimits(max_attribute_length=5, max_span_attributes=40), SpanLimits(max_span_attributes=3)]
)
def test_what_others_set_on_one_is_checked_and_limited_as_on_any(limits: SpanLimits) -> None:
    ours, sdks, ended = both(limits)
    for span in (ours, sdks):
        if span is ours:
            span.put("ours", "before", 50)
            span.note("message", {"content": "Hello"}, 2, 50)
        else:
            span.set_attribute("ours", "before")
            span.add_event("message", {"content": "Hello"}, 2)
        span.set_attributes({f"theirs {number}": "x" * 9 for number in range(40)})
        span.set_attribute("list", ["a", "b"])
        span.add_event("event", {"list": ["a"]}, 3)
        span.add_link(PARENT, {"a": "b"})
        span.update_name("other work")
        span.set_status(Status(StatusCode.ERROR, "failed"))
        span.end(4)
    assert said(ended.spans[0]) == said(ended.spans[1])
    assert ended.spans[0].dropped_attributes > 0


def test_one_that_has_ended_stays_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    ours, _, _ = both()
    taken: list[LeanSpan] = []
    ours._origin.take = taken.append
    ours.end(3)
    before = said(ours)
    with caplog.at_level(logging.CRITICAL):
        ours.put("more", "text", 50)
        ours.note("message", {}, 4, 50)
        ours.set_attribute("theirs", 1)
        ours.add_event("event")
        ours.set_status(StatusCode.ERROR)
        ours.end(9)
    assert taken == [ours] and ours.is_lean
    assert said(ours) == before
    with pytest.raises(TypeError):
        ours.attributes["more"] = 1
    ours._resource = Resource({"service.name": "another"})  # as exporters that others wrap do
    ours._events = ()
    assert ours.resource.attributes["service.name"] == "another" and ours.events == ()


def test_sizes_are_known_without_a_walk_and_never_too_small(spans: Capture) -> None:
    with agentsight.conversation("größe", customer_id="ü", metadata={"plan": "größer"}), agentsight.turn(agent="Ö"):
        agentsight.user_message("Γειά σου", {"channel": "ά"})
        with agentsight.tool("ψ", arguments={"a": 1, "text": "ω"}, call_id="c") as call:
            call.result({"π": 3.14})
        agentsight.update_metadata({"more": "of it"})
        with agentsight.task("rank"), agentsight.generation("gpt", provider="openai") as model:
            model.usage(1, 2)
            model.response(finish_reasons=["stop"])
        agentsight.button("buy", "Kaufen", "1")
        agentsight.feedback("positive", comment="schön")
    for span in spans.finished:
        assert isinstance(span, LeanSpan) and span.is_lean
        wire = len(encode_spans([span]).resource_spans[0].scope_spans[0].spans[0].SerializeToString())
        assert wire <= span.wire_bytes <= 2 * wire + 700, span.name


def test_what_somebody_sets_on_one_is_held_to_the_policy() -> None:
    with capture(ip_policy="drop") as spans, agentsight.conversation("c"), agentsight.turn():
        trace.get_current_span().set_attributes({"client.address": "81.2.69.142", "mine": 1})
    (turn,) = spans.finished
    assert "client.address" not in (turn.attributes or {})
    assert (turn.attributes or {})["mine"] == 1
