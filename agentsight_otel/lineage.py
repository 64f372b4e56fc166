"""Where a span hangs: in its conversation's trace, and in OpenTelemetry's context beside the application's spans.

An application with a tracer provider of its own finds its own span as parent of what it starts inside our turns and
tools: ours are known to us by a key of our own, and are OpenTelemetry's current span only where that cuts no trace.
"""

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanContext, TraceFlags

from agentsight_otel import runtime, semconv
from agentsight_otel._locks import new_lock
from agentsight_otel.runtime import Host

_OURS = otel_context.create_key("agentsight-span")
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
(_CURRENT_SPAN,) = trace.set_span_in_context(trace.INVALID_SPAN, Context())
"""The key of OpenTelemetry's current span: two values are set in one new context, rather than in two."""

_Key = tuple[int, int]


@dataclass(slots=True)
class Place:
    """Where our innermost span stands.

    Attributes:
        span: Ours.
        outside: OpenTelemetry's current span when ours started.
        conversation_id: Of ours; '' where it began without one.
        tool: The tool that it is a call of, or is part of one; '' for none.
    """

    span: Span
    outside: Span
    conversation_id: str
    tool: str


@dataclass(frozen=True)
class Adopted:
    """What a third party's span inside a conversation is to us.

    Attributes:
        identity: The attributes of the conversation.
        trace_id: Of the trace that it is delivered in.
        parent: Its parent there.
        tool: The tool that it runs in, of ours or of a caller in another process; '' for none.
    """

    identity: Mapping[str, Any]
    trace_id: int
    parent: SpanContext | None
    tool: str

    @property
    def conversation_id(self) -> str:
        """The conversation."""
        return str(self.identity.get(semconv.CONVERSATION_ID, ""))


_adopted: dict[_Key, tuple[Adopted, "weakref.ref[Span]"]] = {}
_NOTHING: Mapping[str, object] = {}
_lock = new_lock()  # a weak reference's callback may run anywhere, also while we hold it


def with_span(
    span: Span, conversation_id: str, context: Context, tool: str = "", more: Mapping[str, object] = _NOTHING
) -> Context:
    """A context inside one of our spans.

    Args:
        span: Ours.
        conversation_id: Of the span.
        context: Around it.
        tool: The tool that it is a call of.
        more: Other values to set.
    """
    outside = active_in(context)
    if not tool and _OURS in context and (around := place_in(context, conversation_id)):
        tool = around.tool
    values: dict[str, object] = {**more, _OURS: Place(span, outside, conversation_id, tool)}
    host = runtime.current().host
    if host is Host.NONE or (host is Host.ATTACHED and not _cuts(outside.get_span_context(), span)):
        values[_CURRENT_SPAN] = span
    return Context(context, **values)


def _cuts(active: SpanContext, span: Span) -> bool:
    """Whether the application's trace would be cut, were a span of ours the current one."""
    return active.trace_flags.sampled and active.trace_id != span.get_span_context().trace_id


def place_in(context: Context | None, conversation_id: str) -> Place | None:
    """Our innermost span in a context, if it is of that conversation."""
    place = (otel_context.get_current() if context is None else context).get(_OURS)
    if type(place) is not Place or place.conversation_id not in ("", conversation_id):
        return None
    return place


def active_in(context: Context) -> Span:
    """OpenTelemetry's current span in a context; the invalid one if there is none."""
    found: Any = context.get(_CURRENT_SPAN)
    return trace.INVALID_SPAN if found is None else found


def parent_in(context: Context | None, conversation_id: str) -> SpanContext | None:
    """The parent, in the conversation's trace, of a span of that conversation started in this context."""
    if context is None:
        context = otel_context.get_current()
    return parent_of(active_in(context), place_in(context, conversation_id), conversation_id)


def parent_of(active: Span, place: Place | None, conversation_id: str) -> SpanContext | None:
    """As ``parent_in``, of a context with this current span and place of ours."""
    if place is None:
        return _as_adopted(active.get_span_context(), conversation_id)
    ours = place.span.get_span_context()
    if active is place.span or active is place.outside:
        return ours
    found = active.get_span_context()
    if found.trace_id == ours.trace_id:
        return found
    return _as_adopted(found, conversation_id) or ours


def adopt(span: Span, adopted: Adopted) -> None:
    """Notes what a third party's span is to us, for as long as it lives."""
    key = _key(span.get_span_context())
    with _lock:
        _adopted[key] = adopted, weakref.ref(span, _forgetting(key))


def adopted(span_context: SpanContext | None) -> Adopted | None:
    """What was noted of a span."""
    found = None if span_context is None or not _adopted else _adopted.get(_key(span_context))
    return None if found is None else found[0]


def count_adopted() -> int:
    """How many spans are noted."""
    return len(_adopted)


def _as_adopted(span_context: SpanContext, conversation_id: str) -> SpanContext | None:
    found = adopted(span_context)
    if found is None or found.conversation_id != conversation_id:
        return None
    return SpanContext(found.trace_id, span_context.span_id, is_remote=False, trace_flags=_SAMPLED)


def _forgetting(key: _Key) -> Callable[["weakref.ref[Span]"], None]:
    def forget(reference: "weakref.ref[Span]") -> None:
        with _lock:
            if key in _adopted and _adopted[key][1] is reference:
                del _adopted[key]

    return forget


def _key(span_context: SpanContext) -> _Key:
    return span_context.trace_id, span_context.span_id
