"""The parents of spans: in the conversation's trace, and in OpenTelemetry's context beside the application's spans.

An application with a tracer provider of its own keeps its own spans as parents of the spans that it starts inside this
package's turns and tools. So this package keeps its current span under a key of its own in the context, and makes it
OpenTelemetry's current span only where that does not cut a trace of the application's.
"""

import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanContext, TraceFlags

from agentsight_otel import semconv
from agentsight_otel._core.locks import new_lock
from agentsight_otel._core.otel_context import current_context
from agentsight_otel._tracing import runtime
from agentsight_otel._tracing.runtime import Host

_OURS = otel_context.create_key("agentsight-span")
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
(_CURRENT_SPAN,) = trace.set_span_in_context(trace.INVALID_SPAN, Context())
"""The key of OpenTelemetry's current span, with which two values can be set in one new context, rather than in two."""

_Key = tuple[int, int]


@dataclass(slots=True)
class Place:
    """This package's innermost span in a context.

    Attributes:
        span: The span.
        outside: OpenTelemetry's current span when it started.
        conversation_id: The span's conversation; '' where it began without one.
        tool: The tool that the span is a call of, or in whose call it runs; '' for none.
    """

    span: Span
    outside: Span
    conversation_id: str
    tool: str


@dataclass(frozen=True)
class Adopted:
    """A third party's span inside a conversation, as it is delivered by this package.

    Attributes:
        identity: The identity attributes of the conversation.
        trace_id: The id of the trace in which it is delivered.
        parent: Its parent in that trace.
        tool: The tool that it runs in, of this package or of a caller in another process; '' for none.
    """

    identity: Mapping[str, Any]
    trace_id: int
    parent: SpanContext | None
    tool: str

    @property
    def conversation_id(self) -> str:
        """The id of the conversation."""
        return str(self.identity.get(semconv.CONVERSATION_ID, ""))


_adopted: dict[_Key, tuple[Adopted, "weakref.ref[Span]"]] = {}
_NOTHING: Mapping[str, object] = {}
_lock = new_lock()  # a weak reference's callback may run anywhere, also while we hold it


def with_span(
    span: Span, conversation_id: str, context: Context, tool: str = "", more: Mapping[str, object] = _NOTHING
) -> Context:
    """A context inside one of this package's spans.

    Args:
        span: The span.
        conversation_id: The span's conversation.
        context: The context around it.
        tool: The tool that it is a call of; '' for none.
        more: Other values to set in the context.
    """
    outside = active_in(context)
    if not tool and _OURS in context and (around := place_in(context, conversation_id)):
        tool = around.tool
    values: dict[str, object] = {**more, _OURS: Place(span, outside, conversation_id, tool)}
    host = runtime.current().host
    if host is Host.NONE or (host is Host.ATTACHED and not _cuts(outside.get_span_context(), span)):
        values[_CURRENT_SPAN] = span
    return Context(context, **values)


def for_thread(context: Context, keys: Iterable[str]) -> Context:
    """The part of a context that work takes along into another thread; called in that thread.

    Beside an application's own tracer provider these are only this package's values, and no span of the application:
    whether its traces continue in other threads is up to the application.

    Args:
        context: The context in which the work was started.
        keys: The keys of this package in it, besides that of its current span.
    """
    if runtime.current().host is Host.NONE:
        return context
    values = {key: context[key] for key in (_OURS, *keys) if key in context}
    place = context.get(_OURS)
    if type(place) is Place and active_in(context) is place.span:
        values[_CURRENT_SPAN] = place.span
    return Context(current_context(), **values)


def _cuts(active: SpanContext, span: Span) -> bool:
    """Whether a span of this package, as the current one, would cut a trace of the application's."""
    return active.trace_flags.sampled and active.trace_id != span.get_span_context().trace_id


def place_in(context: Context | None, conversation_id: str) -> Place | None:
    """This package's innermost span in a context, if it belongs to that conversation."""
    place = (current_context() if context is None else context).get(_OURS)
    if type(place) is not Place or place.conversation_id not in ("", conversation_id):
        return None
    return place


def active_in(context: Context) -> Span:
    """OpenTelemetry's current span in a context; the invalid one if there is none."""
    active: Any = context.get(_CURRENT_SPAN)
    return trace.INVALID_SPAN if active is None else active


def parent_in(context: Context | None, conversation_id: str) -> SpanContext | None:
    """The parent, in the conversation's trace, of a span of that conversation started in this context."""
    if context is None:
        context = current_context()
    return parent_of(active_in(context), place_in(context, conversation_id), conversation_id)


def parent_of(active: Span, place: Place | None, conversation_id: str) -> SpanContext | None:
    """The parent as ``parent_in`` returns it, for a context with this current span and this place."""
    if place is None:
        return _as_adopted(active.get_span_context(), conversation_id)
    ours = place.span.get_span_context()
    if active is place.span or active is place.outside:
        return ours
    active_context = active.get_span_context()
    if active_context.trace_id == ours.trace_id:
        return active_context
    return _as_adopted(active_context, conversation_id) or ours


def adopt(span: Span, adopted: Adopted) -> None:
    """Notes how a third party's span is delivered, for as long as the span exists."""
    key = _key(span.get_span_context())
    with _lock:
        _adopted[key] = adopted, weakref.ref(span, _forgetting(key))


def adopted(span_context: SpanContext | None) -> Adopted | None:
    """What ``adopt`` noted of a span; None for nothing."""
    noted = None if span_context is None or not _adopted else _adopted.get(_key(span_context))
    return None if noted is None else noted[0]


def count_adopted() -> int:
    """The number of spans that are noted."""
    return len(_adopted)


def _as_adopted(span_context: SpanContext, conversation_id: str) -> SpanContext | None:
    noted = adopted(span_context)
    if noted is None or noted.conversation_id != conversation_id:
        return None
    return SpanContext(noted.trace_id, span_context.span_id, is_remote=False, trace_flags=_SAMPLED)


def _forgetting(key: _Key) -> Callable[["weakref.ref[Span]"], None]:
    def forget(reference: "weakref.ref[Span]") -> None:
        with _lock:
            if key in _adopted and _adopted[key][1] is reference:
                del _adopted[key]

    return forget


def _key(span_context: SpanContext) -> _Key:
    return span_context.trace_id, span_context.span_id
