"""What each kind of span sets at its start and end: one lifecycle, small subclasses."""

import asyncio
import weakref

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import INVALID_SPAN, Link, NonRecordingSpan, Span, Status, StatusCode
from opentelemetry.trace import SpanKind as OtelSpanKind

from agentsight_otel import clock, context, identity, lineage, runtime, semconv
from agentsight_otel._guard import guard, guarded, say
from agentsight_otel.context import Attributes, Conversation, Scope
from agentsight_otel.serialize import to_text

_ABANDONING = (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit)
_open_turns: "weakref.WeakSet[TurnSpan]" = weakref.WeakSet()


class AgentSpan(Scope):
    """One span, from ``__init__`` to the first ``finish``; later ones do nothing. Never raises.

    Inside a turn it is a child of the active span, otherwise a root of the conversation's trace, with a link to
    whatever other span is active.

    Args:
        kind: A value of ``agentsight.span.kind``.
        name: Of the span.
        attributes: Besides the identity attributes; empty texts are left out.
        conversation: Default: the current one.
        root: Start a root span in any case.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        attributes: Attributes,
        *,
        conversation: Conversation | None = None,
        root: bool = False,
    ) -> None:
        super().__init__(otel_context.get_current())
        self.span: Span = INVALID_SPAN
        self._finished = False
        self._runtime = runtime.current()
        with guard("starting a span"):
            if conversation is not None:
                self._context = context.with_conversation(conversation, self._context)
            self.conversation = context.conversation_in(self._context)
            if self._runtime.enabled:
                self.span = self._start(kind, name, attributes, root)
                tool = str(attributes[semconv.GEN_AI_TOOL_NAME]) if kind == semconv.KIND_TOOL else ""
                self._context = lineage.with_span(self.span, self.conversation.id, self._context, tool)

    def _start(self, kind: str, name: str, attributes: Attributes, root: bool) -> Span:
        turn = None if root else context.turn_in(self._context)
        active = trace.get_current_span(self._context)
        above = None if turn is None else lineage.parent_in(self._context, self.conversation.id)
        links: list[Link] = []
        if above is None:
            parent = trace.set_span_in_context(INVALID_SPAN, self._context)
            if active.get_span_context().is_valid:
                links.append(Link(active.get_span_context()))
        elif above is active.get_span_context():
            parent = self._context
        else:
            parent = trace.set_span_in_context(NonRecordingSpan(above), self._context)
        per_turn = self._runtime.settings.trace_per == "turn"
        with identity.root_trace(None if per_turn else self.conversation.trace_id):
            return self._runtime.tracer.start_span(
                name,
                parent,
                kind=OtelSpanKind.INTERNAL,
                attributes={
                    semconv.SPAN_KIND: kind,
                    **context.identity_in(parent),
                    **{key: value for key, value in attributes.items() if value != ""},
                },
                links=links,
                start_time=clock.now_ns(),
            )

    def text(self, value: object) -> str:
        """A text of any value, bounded by the settings."""
        return to_text(value, self._runtime.settings.max_value_bytes)

    @guarded("recording a failure")
    def fail(self, error: BaseException) -> None:
        """Marks the span as failed."""
        self.span.set_status(Status(StatusCode.ERROR, _message_of(error)[:1024]))
        self.span.set_attribute(semconv.ERROR_TYPE, _type_of(error))

    @guarded("ending a span")
    def finish(self) -> None:
        """Ends the span, the first time."""
        if not self._finished:
            self._finished = True
            self.span.end(clock.now_ns())


class TurnSpan(AgentSpan):
    """One exchange: its messages are events of this span.

    Args:
        name: What the turn is called where no agent is named.
        agent: The agent that takes the turn.
        conversation: Default: the current one.
    """

    def __init__(
        self, name: str | None = None, *, agent: str | None = None, conversation: Conversation | None = None
    ) -> None:
        self.id = ""
        self._incomplete: str | None = None
        called = agent or name
        super().__init__(
            semconv.KIND_TURN,
            f"{semconv.OPERATION_INVOKE_AGENT} {called}" if called else semconv.OPERATION_INVOKE_AGENT,
            {
                semconv.GEN_AI_OPERATION_NAME: semconv.OPERATION_INVOKE_AGENT,
                semconv.GEN_AI_AGENT_NAME: agent or "",
            },
            conversation=conversation,
            root=True,
        )
        with guard("starting a turn"):
            self.id = trace.format_span_id(self.span.get_span_context().span_id)
            self.span.set_attribute(semconv.TURN_ID, self.id)
            self._context = context.with_turn(self, self._context)
            if self._runtime.enabled:
                _open_turns.add(self)

    def user_message(self, content: object, *, metadata: object = None) -> None:
        """Records a message of the end user. Never raises."""
        self.message(semconv.SENDER_END_USER, content, metadata)

    def agent_message(self, content: object, *, metadata: object = None) -> None:
        """Records a message of the agent. Never raises."""
        self.message(semconv.SENDER_AGENT, content, metadata)

    @guarded("recording a message")
    def message(self, sender: str, content: object, metadata: object = None) -> None:
        """Records a message; one that comes after the turn's end gets a turn of its own."""
        if self._finished:
            late = TurnSpan(conversation=self.conversation)
            late.message(sender, content, metadata)
            late.finish()
            return
        attributes: Attributes = {semconv.MESSAGE_SENDER: sender, semconv.MESSAGE_CONTENT: self.text(content)}
        if metadata is not None:
            attributes[semconv.MESSAGE_METADATA] = self.text(metadata)
        self.span.add_event(semconv.EVENT_MESSAGE, attributes, clock.now_ns())

    @guarded("naming a turn's conversation")
    def adopt(self, conversation: Conversation) -> None:
        """Puts a turn that began without a conversation into the one that is known now."""
        if not self.conversation.id and not self._finished:
            self.conversation = conversation
            self.span.set_attributes(conversation.attributes)

    def fail(self, error: BaseException) -> None:
        """The turn is incomplete: failed, or left before its end."""
        if isinstance(error, _ABANDONING):
            self._incomplete = semconv.REASON_ABANDONED
        else:
            self._incomplete = semconv.REASON_ERROR
            super().fail(error)

    def finish(self, reason: str | None = None) -> None:
        """Ends the turn, the first time.

        Args:
            reason: Why it is incomplete; default: what ``fail`` was told, else it is complete.
        """
        with guard("ending a turn"):
            if not self._finished:
                reason = self._incomplete or reason
                self.span.set_attribute(semconv.TURN_COMPLETE, reason is None)
                if reason is not None:
                    self.span.set_attribute(semconv.TURN_INCOMPLETE_REASON, reason)
        super().finish()
        _open_turns.discard(self)


class ToolSpan(AgentSpan):
    """One execution of a tool.

    Args:
        name: Of the tool.
        arguments: What it is called with; JSON unless a text.
        call_id: The model's id of the call.
    """

    def __init__(self, name: str, *, arguments: object = None, call_id: str | None = None) -> None:
        self._runtime = runtime.current()
        attributes: Attributes = {
            semconv.GEN_AI_OPERATION_NAME: semconv.OPERATION_EXECUTE_TOOL,
            semconv.GEN_AI_TOOL_NAME: name,
        }
        with guard("recording a tool's arguments"):
            if self._runtime.enabled:
                attributes[semconv.GEN_AI_TOOL_CALL_ID] = self.text(call_id)
                if arguments is not None:
                    attributes[semconv.GEN_AI_TOOL_CALL_ARGUMENTS] = self.text(arguments)
        super().__init__(semconv.KIND_TOOL, f"{semconv.OPERATION_EXECUTE_TOOL} {name}", attributes)

    @guarded("recording a tool's result")
    def result(self, value: object) -> None:
        """Records what the tool returned: a text as it is, anything else as JSON."""
        if value is not None and self.span.is_recording():
            self.span.set_attribute(semconv.GEN_AI_TOOL_CALL_RESULT, self.text(value))


class TaskSpan(AgentSpan):
    """Internal work, not counted as a tool."""

    def __init__(self, name: str) -> None:
        super().__init__(semconv.KIND_TASK, name, {semconv.ENTITY_NAME: name})


class ConversationScope(Scope):
    """A conversation made current, without a span of its own."""

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        super().__init__(context.with_conversation(conversation))


def point(
    kind: str, name: str, attributes: Attributes, *, conversation: Conversation | None = None, root: bool = False
) -> None:
    """A span that begins and ends at once."""
    now_ns = clock.now_ns()
    with clock.use_clock(lambda: now_ns):
        AgentSpan(kind, name, attributes, conversation=conversation, root=root).finish()


def message(sender: str, content: object, metadata: object = None) -> None:
    """A message in the current turn; outside one, in a turn of its own. Never raises."""
    with guard("recording a message"):
        turn = context.turn_in(None)
        if turn is not None:
            turn.message(sender, content, metadata)
            return
        if runtime.current().enabled and not context.current_conversation().id:
            say("no conversation", "a message outside a conversation is stored, but counts in no metric")
        turn = TurnSpan()
        turn.message(sender, content, metadata)
        turn.finish()


def finish_open_turns(reason: str) -> None:
    """Ends the turns that are still open, as incomplete for that reason."""
    for turn in list(_open_turns):
        turn.finish(reason)


def bounded_text(value: object) -> str:
    """A text as it is, '' for None, anything else as JSON; bounded by the settings."""
    return to_text(value, runtime.current().settings.max_value_bytes)


def _type_of(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _message_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return ""
