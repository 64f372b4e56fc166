"""Which conversations are recorded, and that an application's sampler never deletes one."""

from collections.abc import Sequence
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, SpanContext, SpanKind
from opentelemetry.util.types import Attributes

from agentsight_otel._core.guard import guard
from agentsight_otel._tracing import context, ids, parents, runtime
from agentsight_otel._tracing.conversations import Conversation
from agentsight_otel._tracing.runtime import Host


def records(conversation_id: str, ratio: float, trace_id: int | None = None) -> bool:
    """Whether a conversation is among the share that is recorded; every process decides the same.

    Args:
        conversation_id: The conversation.
        ratio: The share, 0 to 1.
        trace_id: Its trace id, where it is known already.
    """
    deciding = ids.trace_id(conversation_id) if trace_id is None else trace_id
    return deciding & TraceIdRatioBased.TRACE_ID_LIMIT < TraceIdRatioBased.get_bound_for_rate(ratio)


class ConversationSampler(Sampler):
    """Records a share of the conversations, always whole ones, in every process the same.

    Args:
        ratio: From 0 to 1.
    """

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio
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
        record = self.keeps(conversation, None, trace_id)
        decision = Decision.RECORD_AND_SAMPLE if record else Decision.DROP
        return SamplingResult(decision, attributes if record else None)

    def keeps(self, conversation: Conversation, parent: SpanContext | None, trace_id: int) -> bool:
        """As ``should_sample``, of a span of ours.

        Args:
            conversation: Its own.
            parent: None for a root.
            trace_id: Its own.
        """
        if conversation.id:
            return conversation.recorded and (
                self._ratio >= 1 or records(conversation.id, self._ratio, conversation.trace_id)
            )
        return records("", self._ratio, trace_id) if parent is None else parent.trace_flags.sampled

    def get_description(self) -> str:
        """Its name and ratio."""
        return f"ConversationSampler{{{self._ratio:g}}}"


class ConversationKeepingSampler(Sampler):
    """An application's sampler, except that a span inside a conversation which it drops is recorded for us.

    Beside the application's provider such a span is recorded but not sampled: its own exporters leave it out, as they
    did before. Attached, it is sampled where its parent is in the conversation's trace, so that no trace begins with a
    hole.

    Args:
        inner: The application's own.
    """

    def __init__(self, inner: Sampler) -> None:
        self.inner = inner

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
        """Decides as the application does, but drops nothing that belongs to a recorded conversation."""
        decided = self.inner.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)
        if decided.decision is not Decision.DROP:
            return decided
        with guard("keeping a conversation's span"):
            decision = _instead(parent_context)
            if decision is not None:
                return SamplingResult(decision, attributes, decided.trace_state)
        return decided

    def get_description(self) -> str:
        """Its name and the application's sampler."""
        return f"ConversationKeepingSampler{{{self.inner.get_description()}}}"


def _instead(parent_context: Context | None) -> Decision | None:
    ours = runtime.current()
    if not ours.enabled:
        return None
    conversation = context.conversation_in(parent_context)
    if not conversation.id:
        conversation = context.current_conversation()
    if not conversation.id or not conversation.recorded:
        return None
    if not records(conversation.id, ours.settings.sample_ratio, conversation.trace_id):
        return None
    if ours.host is Host.BESIDE:
        return Decision.RECORD_ONLY
    place = parents.place_in(parent_context, conversation.id)
    parent = trace.get_current_span(parent_context).get_span_context()
    if ours.host is Host.ATTACHED and place and parent.trace_id == place.span.get_span_context().trace_id:
        return Decision.RECORD_AND_SAMPLE
    return None
