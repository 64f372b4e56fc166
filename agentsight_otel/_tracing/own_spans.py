"""Starts our own spans: what is said of them is fit already, and where they hang was decided by whoever asks.

They are spans of the SDK's class, of our tracer, and neither its tracer nor its samplers are asked.
"""

from collections.abc import Sequence
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags

from agentsight_otel import semconv
from agentsight_otel._core.otel_private import Origin
from agentsight_otel._core.version import VERSION
from agentsight_otel._export.span_sizes import SPAN_WIRE, link_wire_bytes, value_wire_bytes
from agentsight_otel._tracing import ids
from agentsight_otel._tracing.conversations import Conversation
from agentsight_otel._tracing.processors import OwnProcessors
from agentsight_otel._tracing.sampling import ConversationSampler

_SAMPLED = TraceFlags.SAMPLED
_SAMPLED_ROOT = TraceFlags(TraceFlags.SAMPLED | getattr(TraceFlags, "RANDOM_TRACE_ID", 0))  # older ones have none


class OwnSpans:
    """Starts them.

    Args:
        provider: Ours.
        processors: Of that provider.
        sampler: Of that provider.
        limits: Of that provider.
        trace_per_turn: Whether each root span begins a trace of its own.
    """

    def __init__(
        self,
        provider: TracerProvider,
        processors: OwnProcessors,
        sampler: ConversationSampler,
        limits: SpanLimits,
        *,
        trace_per_turn: bool,
    ) -> None:
        self.tracer = provider.get_tracer(semconv.SCOPE_NAME, VERSION)
        """For whoever starts spans the usual way."""
        self._processors = processors
        self._sampler = sampler
        self._trace_per_turn = trace_per_turn
        scope = InstrumentationScope(semconv.SCOPE_NAME, VERSION)
        self._origin = Origin(self.tracer, processors, limits, scope)
        processors.give_own_spans(self._origin)

    def start(
        self,
        name: str,
        kind: SpanKind,
        attributes: dict[str, Any],
        wire_bytes: int,
        start_ns: int,
        *,
        conversation: Conversation,
        parent: SpanContext | None,
        span_id: int,
        links: Sequence[Link],
        around: Context,
    ) -> Span:
        """A span that has started; one that records nothing, where the sampling ratio says so.

        Args:
            name: Of the span.
            kind: Of the span.
            attributes: Fit; the span keeps them.
            wire_bytes: Of name and attributes as OTLP protobuf, at most.
            start_ns: Since 1970.
            conversation: Its own.
            parent: None for a root.
            span_id: 0 for a new one.
            links: Fit; the span keeps them.
            around: The context that it starts in.
        """
        if parent is not None and parent.is_valid:
            trace_id = parent.trace_id
            flags = parent.trace_flags
            if not flags & _SAMPLED:
                flags = TraceFlags(flags | _SAMPLED)
        else:
            parent = None
            known = None if self._trace_per_turn else conversation.trace_id
            trace_id = ids.new_trace_id() if known is None else known
            flags = _SAMPLED_ROOT
        recorded = self._sampler.keeps(conversation, parent, trace_id)
        context = SpanContext(
            trace_id,
            span_id or ids.new_span_id(),
            is_remote=False,
            trace_flags=flags if recorded else TraceFlags(flags & ~_SAMPLED),
            trace_state=None if parent is None or conversation.id else parent.trace_state,
        )
        if not recorded:
            return NonRecordingSpan(context)
        wire_bytes += SPAN_WIRE
        if context.trace_state:
            wire_bytes += value_wire_bytes(context.trace_state.to_header())
        for link in links:
            wire_bytes += link_wire_bytes(link)
        span = self._origin.start(name, kind, context, parent, attributes, links, start_ns, wire_bytes)
        if self._processors.has_others:
            self._processors.on_start(span, _context_of(parent, around))
        return span


def _context_of(parent: SpanContext | None, around: Context) -> Context:
    """A context whose current span is the parent, as processors get it at a span's start."""
    current = trace.get_current_span(around).get_span_context()
    if parent is None:
        return trace.set_span_in_context(trace.INVALID_SPAN, around) if current.is_valid else around
    return around if parent is current else trace.set_span_in_context(NonRecordingSpan(parent), around)
