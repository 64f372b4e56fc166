"""Where a span hangs: in its conversation's trace, and in OpenTelemetry's context beside the application's spans.

An application with a tracer provider of its own finds its own span as parent of what it starts inside our turns and
tools: ours are known to us by a key of our own, and are OpenTelemetry's current span only where that cuts no trace.
"""

import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanContext, TraceFlags

from agentsight_otel import runtime
from agentsight_otel.runtime import Host

_OURS = otel_context.create_key("agentsight-span")
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)

_Key = tuple[int, int]


@dataclass(frozen=True)
class Place:
    """Where our innermost span stands.

    Attributes:
        span: Ours.
        outside: OpenTelemetry's current span when ours started.
        conversation_id: Of ours; '' where it began without one.
        tool: The tool that it is a call of; '' for other kinds.
    """

    span: Span
    outside: Span
    conversation_id: str
    tool: str


@dataclass(frozen=True)
class Adopted:
    """A span of the application that has a place in a conversation's trace, while it is open.

    Attributes:
        conversation_id: The conversation.
        trace_id: The conversation's trace.
        parent: Its parent there.
        place: Our innermost span around it.
    """

    conversation_id: str
    trace_id: int
    parent: SpanContext | None
    place: Place | None


_adopted: dict[_Key, Adopted] = {}
_collected: dict[_Key, "weakref.ref[Span]"] = {}
_lock = threading.RLock()  # a weak reference's callback may run anywhere, also while we hold it


def with_span(span: Span, conversation_id: str, context: Context, tool: str = "") -> Context:
    """A context inside one of our spans."""
    outside = trace.get_current_span(context)
    host = runtime.current().host
    inside = otel_context.set_value(_OURS, Place(span, outside, conversation_id, tool), context)
    if host is Host.BESIDE:
        return inside
    if host is Host.ATTACHED:
        active = outside.get_span_context()
        if active.trace_flags.sampled and active.trace_id != span.get_span_context().trace_id:
            return inside
    return trace.set_span_in_context(span, inside)


def place_in(context: Context | None, conversation_id: str) -> Place | None:
    """Our innermost span in a context, if it is of that conversation."""
    place = otel_context.get_value(_OURS, context)
    if not isinstance(place, Place) or place.conversation_id not in ("", conversation_id):
        return None
    return place


def parent_in(context: Context | None, conversation_id: str) -> SpanContext | None:
    """The parent, in the conversation's trace, of a span of that conversation started in this context."""
    active = trace.get_current_span(context)
    found = active.get_span_context()
    place = place_in(context, conversation_id)
    if place is None:
        return _as_adopted(found, conversation_id)
    ours = place.span.get_span_context()
    if active is place.span or active is place.outside:
        return ours
    if found.trace_id == ours.trace_id:
        return found
    return _as_adopted(found, conversation_id) or ours


def adopt(span: Span, adopted: Adopted) -> None:
    """Notes the place of a span of the application, until it ends or is collected."""
    key = _key(span.get_span_context())
    with _lock:
        _adopted[key] = adopted
        _collected[key] = weakref.ref(span, _forgetting(key))


def adopted(span_context: SpanContext | None) -> Adopted | None:
    """The place of an open span of the application."""
    return None if span_context is None else _adopted.get(_key(span_context))


def release(span_context: SpanContext) -> Adopted | None:
    """The place of a span of the application that has ended; it is noted no longer."""
    with _lock:
        _collected.pop(_key(span_context), None)
        return _adopted.pop(_key(span_context), None)


def open_adopted() -> int:
    """How many spans of the application are noted."""
    return len(_adopted)


def _as_adopted(span_context: SpanContext, conversation_id: str) -> SpanContext | None:
    found = _adopted.get(_key(span_context))
    if found is None or found.conversation_id != conversation_id:
        return None
    return SpanContext(found.trace_id, span_context.span_id, is_remote=False, trace_flags=_SAMPLED)


def _forgetting(key: _Key) -> Callable[["weakref.ref[Span]"], None]:
    def forget(reference: "weakref.ref[Span]") -> None:
        with _lock:
            if _collected.get(key) is reference:
                del _collected[key]
                _adopted.pop(key, None)

    return forget


def _key(span_context: SpanContext) -> _Key:
    return span_context.trace_id, span_context.span_id
