"""Stamps the conversation's identity on every span that starts inside it; decides which conversations are recorded."""

from collections.abc import Sequence
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, SpanKind
from opentelemetry.util.types import Attributes

from agentsight_otel import context, runtime
from agentsight_otel._guard import guard


class IdentityProcessor(SpanProcessor):
    """Gives spans, third parties' too, the identity attributes that they do not have yet."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Stamps the span. Never raises."""
        with guard("stamping a span"):
            scope = span.instrumentation_scope
            if scope is not None and scope.name == runtime.TRACER_NAME:
                return  # one of ours, started with its identity
            if attributes := context.identity_in(parent_context):
                own = span.attributes or {}
                span.set_attributes({key: value for key, value in attributes.items() if key not in own})

    def on_end(self, span: ReadableSpan) -> None:
        """Nothing."""

    def shutdown(self) -> None:
        """Nothing."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing to flush."""
        return True


class ConversationSampler(Sampler):
    """Records a share of the conversations, always whole ones, in every process the same.

    Args:
        ratio: From 0 to 1.
    """

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio
        self._bound = TraceIdRatioBased.get_bound_for_rate(ratio)
        self._others = ParentBased(TraceIdRatioBased(ratio))

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: Any = None,
    ) -> SamplingResult:
        """Decides by the conversation's id; spans outside conversations by their parent, else their trace id."""
        conversation = context.conversation_in(parent_context)
        if not conversation.id:
            return self._others.should_sample(parent_context, trace_id, name, kind, attributes, links)
        deciding = conversation.trace_id or 0
        record = deciding & TraceIdRatioBased.TRACE_ID_LIMIT < self._bound
        decision = Decision.RECORD_AND_SAMPLE if record else Decision.DROP
        return SamplingResult(decision, attributes if record else None)

    def get_description(self) -> str:
        """Its name and ratio."""
        return f"ConversationSampler{{{self._ratio:g}}}"
