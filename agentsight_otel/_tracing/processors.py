"""Span processors: identity on every span inside a conversation; the application's spans, delivered by us too."""

from collections.abc import Mapping
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, SynchronousMultiSpanProcessor
from opentelemetry.trace import Link, SpanContext, TraceFlags

from agentsight_otel import semconv
from agentsight_otel._core.guard import guard, swallow
from agentsight_otel._core.otel_private import Origin
from agentsight_otel._export.delivery import DeliveryProcessor
from agentsight_otel._export.privacy import Privacy
from agentsight_otel._export.span_edits import EditedSpan
from agentsight_otel._tracing import context, ids, parents, runtime, uncaptured
from agentsight_otel._tracing.duplicates import TOOL_CALLS, answered, repetition
from agentsight_otel._tracing.parents import Adopted, Place
from agentsight_otel._tracing.runtime import TRACER_NAME, Host
from agentsight_otel._tracing.sampling import records

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class _Processor(SpanProcessor):
    """Nothing at start and end, nothing to flush or close."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing."""

    def on_end(self, span: ReadableSpan) -> None:
        """Nothing."""

    def shutdown(self) -> None:
        """Nothing."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing to flush."""
        return True


class IdentityProcessor(_Processor):
    """Gives spans, third parties' too, the identity attributes that they do not have yet.

    Args:
        attached: Whether it stands in a provider of the application that our spans go through. The second report of a
            tool call is then marked on the span itself at its start, as no delivery of ours may follow.
    """

    def __init__(self, *, attached: bool = False) -> None:
        self._attached = attached

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Stamps the span. Never raises."""
        if _is_ours(span):
            return  # ours started with its identity
        with guard("stamping a span"):
            ours = runtime.current()
            if not ours.enabled or (self._attached and ours.host is not Host.ATTACHED):
                return
            if attributes := _identity(parent_context):
                uncaptured.look_at(span)
                stamped = attributes if ours.fit is None or not self._attached else ours.fit(attributes)
                own = span.attributes or {}
                # An id that a client library gives its own thread is not the conversation that was asked for.
                kept = own.keys() - {semconv.CONVERSATION_ID}
                span.set_attributes({key: value for key, value in stamped.items() if key not in kept})
                if (hint := context.model_hint_in(parent_context)) and _calls_unnamed_model(own):
                    # A name that comes later replaces it, as instrumentations set what they find.
                    span.set_attribute(semconv.GEN_AI_REQUEST_MODEL, hint)
                TOOL_CALLS.others_report()
                place = parents.place_in(parent_context, str(attributes.get(semconv.CONVERSATION_ID, "")))
                if tool := _tool_around(span, place, parent_context):
                    own_context = span.get_span_context()
                    parents.adopt(span, Adopted(attributes, own_context.trace_id, span.parent, tool))
                    if self._attached:
                        span.set_attributes(repetition(span.attributes or {}, tool))


class HostSpanProcessor(_Processor):
    """In the application's provider: delivers its spans inside conversations to our backend as well."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Notes the span's place in its conversation. Never raises."""
        with guard("noting a span of the application"):
            ours = runtime.current()
            if not ours.enabled or ours.deliver is None or ours.host is not Host.BESIDE:
                return
            attributes = _identity(parent_context)
            conversation_id = str(attributes.get(semconv.CONVERSATION_ID, ""))
            if not conversation_id or not records(conversation_id, ours.settings.sample_ratio):
                return
            uncaptured.look_at(span)
            if place := parents.place_in(parent_context, conversation_id) or parents.place_in(None, conversation_id):
                trace_id = place.span.get_span_context().trace_id
            elif above := parents.adopted(span.parent):
                trace_id = above.trace_id
            else:
                trace_id = ids.trace_id(conversation_id)
            parent = parents.parent_in(parent_context, conversation_id) or (
                place.span.get_span_context() if place else None
            )
            parents.adopt(span, Adopted(attributes, trace_id, parent, _tool_around(span, place, parent_context)))
            TOOL_CALLS.others_report()

    def on_end(self, span: ReadableSpan) -> None:
        """Delivers the copy. Never raises."""
        with guard("delivering a span of the application"):
            ours, adopted = runtime.current(), parents.adopted(span.context)
            if ours.deliver is not None and span.context is not None and adopted is not None:
                ours.deliver(_moved(span, span.context, adopted, ours.resource), adopted.tool)


class OwnProcessors(SynchronousMultiSpanProcessor):
    """The processors of a provider of ours: the identity and the delivery first, then whatever others add.

    Attributes:
        has_others: Whether others have added any.

    Args:
        relay: To the delivery; None: there is none, or the application's processors have it.
        privacy: Makes finished spans fit for the others to get; the delivery has one of its own.
    """

    def __init__(self, relay: "Relay | None", privacy: Privacy) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._identity = IdentityProcessor()
        self._relay = relay
        self._privacy = privacy
        self._origin: Origin | None = None
        self.has_others = False

    def give_own_spans(self, origin: Origin) -> None:
        """Has the delivery get our own spans as they are, for as long as nobody else gets them."""
        self._origin = origin
        if self._relay is not None and not self.has_others:
            origin.take = self._relay.take

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Adds a processor of the application."""
        super().add_span_processor(span_processor)
        self.has_others = True
        if self._origin is not None:
            self._origin.take = None

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Stamps the identity, then tells the added processors."""
        if not _is_ours(span):
            self._identity.on_start(span, parent_context)
        if self.has_others:
            super().on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """Delivers the span, then tells the added processors."""
        if self._relay is not None:
            self._relay.on_end(span)
        if self.has_others:
            super().on_end(self._privacy(span) if self._privacy.changes else span)

    def shutdown(self) -> None:
        """Shuts delivery and the added processors down."""
        if self._relay is not None:
            self._relay.shutdown()
        super().shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flushes delivery and the added processors."""
        flushed = self._relay is None or self._relay.force_flush(timeout_millis)
        return super().force_flush(timeout_millis) and flushed


class ConversationSpanProcessor(HostSpanProcessor):
    """For a tracer provider of the application's own: delivers its spans inside conversations to our backend as well.

    They keep their parents, and go to the application's backend unchanged, without a word about the conversation. To
    ours goes a copy with the conversation's identity, in the conversation's trace, below the turn or tool of ours that
    it ran in, with a link to the original if that was sampled.

    ``init()`` sees to it for the global provider that it finds. Add one yourself to a provider that is not the global
    one, or that is made after ``init(set_global=False)``::

        provider.add_span_processor(agentsight.ConversationSpanProcessor())
    """

    def __init__(self) -> None:
        runtime.expect_host()


class Relay(_Processor):
    """Hands finished spans to the delivery; of a tool call that several instrumentations report, one counts.

    Args:
        delivery: Where they go.
        outsiders: Whether spans outside conversations are delivered too.
    """

    def __init__(self, delivery: DeliveryProcessor, *, outsiders: bool = True) -> None:
        self._delivery: DeliveryProcessor | None = delivery
        self._outsiders = outsiders

    def on_end(self, span: ReadableSpan) -> None:
        """Delivers a span. Never raises."""
        try:
            self.take(span)
        except Exception as error:
            swallow("delivering a span", error)

    def take(self, span: ReadableSpan) -> None:
        """As ``on_end``, but for a RecursionError: whoever has more room on the stack may try again."""
        if TOOL_CALLS.only_ours and self._outsiders and self._delivery is not None:
            self._delivery.take(span)  # as nearly always
        elif self._outsiders or _is_inside(span):
            adopted = parents.adopted(span.context)
            self.deliver(span, adopted.tool if adopted else _caller_tool(span))

    def deliver(self, span: ReadableSpan, inside: str) -> None:
        """Delivers a span.

        Args:
            span: Finished.
            inside: The tool that it ran in: one of ours, for a third party's span, or a caller's; '' for none.
        """
        if self._delivery is not None:
            marks = TOOL_CALLS.marks(span, inside)
            self._delivery.take(EditedSpan(span, attributes={**(span.attributes or {}), **marks}) if marks else span)

    def shutdown(self) -> None:
        """Sends the rest; delivers nothing from then on."""
        delivery, self._delivery = self._delivery, None
        if delivery is not None:
            delivery.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Sends what is queued."""
        return self._delivery is None or self._delivery.force_flush(timeout_millis)


class Outlet(_Processor):
    """Stays in a provider that outlives a pipeline of ours, and hands its spans to the relay in use, if there is one.

    OpenTelemetry's providers take processors and never give them back.

    Attributes:
        relay: Of the pipeline in use.
    """

    relay: Relay | None = None

    def on_end(self, span: ReadableSpan) -> None:
        """Hands the span to the relay, where there is one."""
        if (relay := self.relay) is not None:
            relay.on_end(span)

    def shutdown(self) -> None:
        """Shuts the relay down, where there is one."""
        if (relay := self.relay) is not None:
            relay.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flushes the relay, where there is one."""
        relay = self.relay
        return relay is None or relay.force_flush(timeout_millis)


def _identity(parent_context: Context | None) -> Mapping[str, Any]:
    """The identity in a context; where a caller made one from nothing, in the current one, then of the parent."""
    if attributes := context.identity_in(parent_context) or context.identity_in(None):
        return attributes
    parent = trace.get_current_span(parent_context)
    if adopted := parents.adopted(parent.get_span_context()):
        return adopted.identity
    own = parent.attributes if isinstance(parent, ReadableSpan) else None
    if own and semconv.CONVERSATION_ID in own:
        return {key: own[key] for key in semconv.IDENTITY_KEYS if key in own}
    return {}


def _tool_around(span: ReadableSpan, place: Place | None, parent_context: Context | None) -> str:
    """The tool that a span runs in, of ours or of a caller in another process; '' for none."""
    return (place.tool if place is not None else "") or answered(span, parent_context)


def _caller_tool(span: ReadableSpan) -> str:
    """The tool whose call by another process one of our root spans answers; '' for none."""
    if span.parent is not None or not span.links:
        return ""
    above = parents.adopted(span.links[0].context)
    return above.tool if above is not None and above.parent is not None and above.parent.is_remote else ""


def _calls_unnamed_model(attributes: Mapping[str, Any]) -> bool:
    calls = any(attributes.get(key) in values for key, values in semconv.MODEL_CALL_MARKS.items())
    return calls and semconv.GEN_AI_REQUEST_MODEL not in attributes


def _is_ours(span: ReadableSpan) -> bool:
    scope = span.instrumentation_scope
    return scope is not None and scope.name == TRACER_NAME


def _is_inside(span: ReadableSpan) -> bool:
    return any((span.attributes or {}).get(key) for key in semconv.CONVERSATION_ID_KEYS)


def _moved(span: ReadableSpan, original: SpanContext, adopted: Adopted, resource: Resource | None) -> ReadableSpan:
    """The span in its conversation's trace."""
    there = SpanContext(
        adopted.trace_id, original.span_id, is_remote=False, trace_flags=_SAMPLED, trace_state=original.trace_state
    )
    return EditedSpan(
        span,
        attributes={**adopted.identity, **(span.attributes or {}), semconv.CONVERSATION_ID: adopted.conversation_id},
        context=there,
        parent=adopted.parent,
        links=(*span.links, Link(original)) if original.trace_flags.sampled else span.links,
        resource=resource,
    )
