"""What each kind of span sets at its start and end: one lifecycle, small subclasses."""

import asyncio
import functools
import os
import threading
import time
from concurrent.futures import CancelledError as FutureCancelledError
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Link, NonRecordingSpan, Span, Status, StatusCode
from opentelemetry.trace import SpanKind as OtelSpanKind

from agentsight_otel import clock, context, identity, lineage, runtime, semconv, streaming
from agentsight_otel._guard import guard, guarded, say, swallow
from agentsight_otel.context import NO_CONVERSATION, Attributes, Conversation, Scope
from agentsight_otel.keeper import Keeper
from agentsight_otel.serialize import bounded, to_text

MAX_NAME_CHARACTERS = 1_024
"""The longest name of a span."""

_NEVER = float("inf")
_NOWHERE = Context()
_open_turns: "set[TurnSpan]" = set()
_process = 0
"""Counts forks: a span belongs to the process that started it, and a child never ends its parent's."""


class AgentSpan(Scope):
    """One span, from ``__init__`` to the first ``finish``; later ones do nothing. Never raises.

    Inside a turn it is a child of the active span, otherwise a root of the conversation's trace, with a link to
    whatever other span is active.

    Args:
        kind: A value of ``agentsight.span.kind``.
        name: Of the span.
        attributes: Besides the identity attributes; no empty texts.
        conversation: Default: the current one.
        root: Start a root span in any case.
        span_id: Default: a new one.
    """

    otel_kind = OtelSpanKind.INTERNAL

    def __init__(
        self,
        kind: str,
        name: str,
        attributes: Attributes,
        *,
        conversation: Conversation | None = None,
        root: bool = False,
        span_id: int = 0,
    ) -> None:
        around = self.context = context.current_context()
        self.conversation = NO_CONVERSATION
        self.span: Span = INVALID_SPAN
        self._finished = False
        self._process = _process
        self._last_ns = 0
        self._lock = threading.RLock()
        self._runtime = runtime.current()
        try:
            if conversation is not None:
                around = self.context = context.with_conversation(conversation, around)
            known = self.conversation = context.conversation_in(around)
            if self._runtime.enabled and known.recorded:
                if not _keeper.running:
                    _keeper.start()
                self._start(kind, name, attributes, root, span_id)
        except Exception as error:
            swallow("starting a span", error)

    def _start(self, kind: str, name: str, attributes: Attributes, root: bool, span_id: int) -> None:
        around, conversation = self.context, self.conversation
        turn = context.turn_in(around)
        active = lineage.active_in(around)
        place = lineage.place_in(around, conversation.id)
        inside = turn is not None and not root
        links: list[Link] | None = None
        parent = around
        if not inside or place is None or place.span is not active:  # else, as mostly, ours is the current span
            above = lineage.parent_of(active, place, conversation.id) if inside else None
            inside = above is not None
            current = active.get_span_context()
            if above is None:
                if current.is_valid:
                    links = [Link(current)]
                    parent = trace.set_span_in_context(INVALID_SPAN, around)
            elif above is not current:
                parent = trace.set_span_in_context(NonRecordingSpan(above), around)
        given: dict[str, Any] = {semconv.SPAN_KIND: kind}
        context.add_identity(given, conversation, turn)
        given.update(attributes)
        if len(name) > MAX_NAME_CHARACTERS:
            name = bounded(name, MAX_NAME_CHARACTERS)
        shown = given if self._runtime.fit is None else self._runtime.fit(given)
        now_ns = self._last_ns = clock.now_ns()
        tracer = self._runtime.tracer
        if inside and not span_id:  # the trace is the parent's, and the id any
            self.span = tracer.start_span(name, parent, self.otel_kind, shown, links, now_ns)
        else:
            per_turn = self._runtime.settings.trace_per == "turn"
            token = identity.begin_span(None if per_turn else conversation.trace_id, span_id)
            try:
                self.span = tracer.start_span(name, parent, self.otel_kind, shown, links, now_ns)
            finally:
                identity.end_span(token)
        if shown is not given:
            self.span.set_attributes(given)  # made fit at its end, all at once
        tool = str(attributes[semconv.GEN_AI_TOOL_NAME]) if kind == semconv.KIND_TOOL else ""
        self.context = lineage.with_span(self.span, conversation.id, around, tool, self._own_values())

    def _own_values(self) -> dict[str, object]:
        """What else is in its context."""
        return {}

    def _now_ns(self) -> int:
        """The time, which within a span never goes back."""
        now_ns = clock.now_ns()
        if now_ns > self._last_ns:
            self._last_ns = now_ns
        return self._last_ns

    def text(self, value: object) -> str:
        """A text of any value, bounded by the settings."""
        return to_text(value, self._runtime.settings.max_value_bytes)

    @property
    def finished(self) -> bool:
        """Whether it has ended, or is another process's to end."""
        return self._finished or self._process != _process

    def finish(self, error: BaseException | None = None) -> None:
        """Ends the span, the first time.

        Args:
            error: What the work ended by.
        """
        self._finish(error, None)

    def leave_block(self, error: BaseException | None = None) -> None:
        """The block or call that it began with is over."""
        self._finish(error, None)

    def _finish(self, error: BaseException | None, reason: str | None) -> None:
        if self._finished or self._process != _process:
            return
        now_ns = 0
        # Whoever closes it may be the garbage collector, in the middle of anything.
        later = error is not None and isinstance(error, GeneratorExit)
        try:
            with self._lock:  # not amid a message
                if self._finished:
                    return
                self._finished = True
                self.context = _NOWHERE  # which had us in it
                now_ns = self._now_ns()
            if later:  # without the error itself, which holds the frames that it came through
                _keeper.run(functools.partial(self._end, now_ns, GeneratorExit(), None))
                return
        except Exception as problem:
            swallow("ending a span", problem)
        self._end(now_ns or time.time_ns(), error, reason)

    def _end(self, now_ns: int, error: BaseException | None, reason: str | None) -> None:
        try:
            if error is not None or reason is not None:
                self._set_outcome(error, reason)
        except Exception as problem:
            swallow("ending a span", problem)
        try:
            self.span.end(now_ns)
        except Exception as problem:
            swallow("ending a span", problem)

    def _set_outcome(self, error: BaseException | None, reason: str | None) -> None:
        if error is not None:
            self.span.set_status(Status(StatusCode.ERROR, _message_of(error)[:1024]))
            self.span.set_attribute(semconv.ERROR_TYPE, _type_of(error))


class TurnSpan(AgentSpan):
    """One exchange: its messages are events of this span.

    Attributes:
        id: The turn's, unique.

    Args:
        name: What the turn is called where no agent is named.
        agent: The agent that takes the turn.
        conversation: Default: the current one.
        timeout_s: After so many seconds it is over, as incomplete with reason deadline. Default: never, but once it
            is handed over to a stream or kept open, as soon as nothing has happened for ``turn_timeout_s``.
        infer: Record a text that the work returns as the agent's message.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        agent: str | None = None,
        conversation: Conversation | None = None,
        timeout_s: float | None = None,
        infer: bool = False,
    ) -> None:
        self.id = ""
        self._infer = infer
        self._shares = 0  # streams it lasts as long as
        self._kept_open = False
        self._handed_over = False
        self._block_left = False
        self._due = _NEVER
        called = agent or name
        attributes: Attributes = {
            semconv.GEN_AI_OPERATION_NAME: semconv.OPERATION_INVOKE_AGENT,
            semconv.TURN_COMPLETE: True,  # until it turns out not to be: setting it at the end costs more
        }
        if agent:
            attributes[semconv.GEN_AI_AGENT_NAME] = agent
        span_id = 0
        try:
            if runtime.current().enabled:
                span_id = identity.new_span_id()
                attributes[semconv.TURN_ID] = self.id = f"{span_id:016x}"
        except Exception as error:
            swallow("identifying a turn", error)
        super().__init__(
            semconv.KIND_TURN,
            f"{semconv.OPERATION_INVOKE_AGENT} {called}" if called else semconv.OPERATION_INVOKE_AGENT,
            attributes,
            conversation=conversation,
            root=True,
            span_id=span_id,
        )
        try:
            if self.span is INVALID_SPAN:  # not recorded, but those inside it are to know
                self.context = Context({**self.context, **context.as_turn(self)})
            else:
                _open_turns.add(self)
                if timeout_s is not None:
                    self._due = time.monotonic() + timeout_s
                    _keeper.watch(self._due)
        except Exception as error:
            swallow("starting a turn", error)

    def _own_values(self) -> dict[str, object]:
        return context.as_turn(self)

    @property
    def turn_id(self) -> str:
        """As ``id``."""
        return self.id

    def user_message(self, content: object, metadata: object = None) -> None:
        """Records a message of the end user, also after the block. Never raises."""
        self.message(semconv.SENDER_END_USER, content, metadata)

    def agent_message(self, content: object, metadata: object = None) -> None:
        """Records a message of the agent, also after the block. Never raises."""
        self.message(semconv.SENDER_AGENT, content, metadata)

    def message(self, sender: str, content: object, metadata: object = None) -> None:
        """Records a message; one that comes after the turn's end gets a turn of its own."""
        try:
            if not self._runtime.enabled:
                return
            limit = self._runtime.settings.max_value_bytes
            attributes = {semconv.MESSAGE_SENDER: sender, semconv.MESSAGE_CONTENT: to_text(content, limit)}
            if metadata is not None:
                attributes[semconv.MESSAGE_METADATA] = to_text(metadata, limit)
            if self._process == _process:
                with self._lock:
                    if not self._finished:
                        self.left_at = time.monotonic()
                        self.span.add_event(semconv.EVENT_MESSAGE, attributes, self._now_ns())
                        return
            message_alone(self.conversation, sender, content, metadata)
        except Exception as error:
            swallow("recording a message", error)

    def result(self, value: object) -> None:
        """Records what the work returned as the agent's message, if that was asked for."""
        if self._infer and value is not None:
            self.agent_message(value)

    @guarded("naming a turn's conversation")
    def adopt(self, conversation: Conversation) -> None:
        """Puts a turn that began without a conversation into the one that is known now."""
        if not self.conversation.id and not self.finished:
            self.conversation = conversation
            self.span.set_attributes(conversation.attributes)

    def wrap(self, stream: Any) -> Any:
        """Has the turn last until a stream is drained, closed or dropped, or a future or awaitable is done.

        Args:
            stream: An iterator, a coroutine, a future, or a streaming response of Starlette, Flask or Django. Of
                several, the last to end ends the turn. Anything else has no end to wait for: the turn is over with
                its block.

        Returns:
            What to use in its place; the same object where possible. Never raises.
        """
        with guard("wrapping a stream"):
            if not self.finished and self.span is not INVALID_SPAN:
                covered = streaming.cover(_Share(self), stream, asked=True)
                if covered is not streaming.NOT_A_STREAM:
                    return covered
                say("wrap", f"wrap(): a {type(stream).__name__} has no end to wait for; the turn ends with its block")
        return stream

    def keep_open(self) -> "TurnSpan":
        """Leaves the turn open after its block; call ``end`` or ``abandon`` when it is over. Never raises."""
        self._kept_open = True
        self.hand_over()
        return self

    def end(self, complete: bool = True, *, reason: str | None = None) -> None:
        """Ends the turn now. Never raises.

        Args:
            complete: Whether it ran to its end.
            reason: Why not; default: abandoned.
        """
        try:
            whole = bool(complete)
        except Exception as error:  # an array, for example, is neither true nor false
            say("end", "end(): whether the turn is complete cannot be told; it is taken as complete", error=error)
            whole = True
        given = reason if isinstance(reason, str) and reason else semconv.REASON_ABANDONED
        self._finish(None, None if whole else given)

    def abandon(self) -> None:
        """Ends the turn now, as incomplete with reason abandoned. Never raises."""
        self.end(complete=False)

    @guarded("keeping a turn open")
    def hand_over(self) -> None:
        """The turn outlives its block."""
        self._handed_over = True
        self.left_at = time.monotonic()
        if not self.finished and (idle_s := self._runtime.settings.turn_timeout_s):
            _keeper.watch(self.left_at + idle_s)

    def leave_block(self, error: BaseException | None = None) -> None:
        """Ends the turn, unless something that it was handed over to still goes on, and nothing went wrong."""
        if self._handed_over:
            with self._lock:
                self._block_left = True
                goes_on = error is None and (self._kept_open or self._shares > 0)
            if goes_on:
                return
        self._finish(error, None)

    def due(self, now_s: float) -> float:
        """When to end it, or to ask again, by the monotonic clock."""
        idle_s = self._runtime.settings.turn_timeout_s
        if not self._handed_over or not idle_s:
            return self._due
        return min(self._due, min(self.left_at, now_s) + idle_s)

    def _finish(self, error: BaseException | None, reason: str | None) -> None:
        super()._finish(error, reason)
        _open_turns.discard(self)

    def _set_outcome(self, error: BaseException | None, reason: str | None) -> None:
        if error is not None:
            reason = semconv.REASON_ABANDONED if _left(error) else semconv.REASON_ERROR
        if reason is None:
            return
        self.span.set_attributes({semconv.TURN_COMPLETE: False, semconv.TURN_INCOMPLETE_REASON: reason})
        if reason == semconv.REASON_ERROR:
            super()._set_outcome(error, reason)

    def _share(self, count: int, error: BaseException | None = None) -> None:
        with self._lock:
            self._shares += count
            over = self._block_left and not self._kept_open and not self._shares
        if over or error is not None:
            self.finish(error)


class _Share(Scope):
    """A turn's part in one of the streams that it was handed over to."""

    def __init__(self, turn: TurnSpan) -> None:
        now = context.current_context()
        if context.turn_in(now) is not turn:
            now = turn.context
        super().__init__(lineage.with_span(turn.span, turn.conversation.id, now))
        self._turn = turn
        self._finished = False
        self._counted = False

    @property
    def finished(self) -> bool:
        """Whether the stream, or the turn, is over."""
        return self._finished or self._turn.finished

    @property
    def left_at(self) -> float:
        """The turn's."""
        return self._turn.left_at

    @left_at.setter
    def left_at(self, at_s: float) -> None:
        self._turn.left_at = at_s

    def hand_over(self) -> None:
        """The turn lasts as long as this stream."""
        if not self._counted:
            self._counted = True
            self._turn._share(1)
            self._turn.hand_over()

    def finish(self, error: BaseException | None = None) -> None:
        """The stream is over."""
        if not self._finished:
            self._finished = True
            self._turn._share(-1, error)


class ToolSpan(AgentSpan):
    """One execution of a tool.

    Args:
        name: Of the tool.
        arguments: What it is called with; JSON unless a text.
        call_id: The model's id of the call.
    """

    def __init__(self, name: str, *, arguments: object = None, call_id: str | None = None) -> None:
        attributes: Attributes = {
            semconv.GEN_AI_OPERATION_NAME: semconv.OPERATION_EXECUTE_TOOL,
            semconv.GEN_AI_TOOL_NAME: name,
        }
        if (given := runtime.current()).enabled:
            try:
                limit = given.settings.max_value_bytes
                if call_id and (called := to_text(call_id, limit)):
                    attributes[semconv.GEN_AI_TOOL_CALL_ID] = called
                if arguments is not None and (text := to_text(arguments, limit)):
                    attributes[semconv.GEN_AI_TOOL_CALL_ARGUMENTS] = text
            except Exception as error:
                swallow("recording a tool's arguments", error)
        super().__init__(semconv.KIND_TOOL, f"{semconv.OPERATION_EXECUTE_TOOL} {name}", attributes)

    def result(self, value: object) -> None:
        """Records what the tool returned: a text as it is, anything else as JSON. Never raises."""
        try:
            if value is not None and not self._finished and self.span is not INVALID_SPAN:
                self.span.set_attribute(
                    semconv.GEN_AI_TOOL_CALL_RESULT, to_text(value, self._runtime.settings.max_value_bytes)
                )
        except Exception as error:
            swallow("recording a tool's result", error)


class TaskSpan(AgentSpan):
    """Internal work, not counted as a tool."""

    def __init__(self, name: str) -> None:
        super().__init__(semconv.KIND_TASK, name, {semconv.ENTITY_NAME: name})


class ConversationScope(Scope):
    """A conversation made current, without a span of its own.

    Attributes:
        conversation: It.
    """

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        super().__init__(context.with_conversation(conversation))

    @property
    def conversation_id(self) -> str:
        """Its id."""
        return self.conversation.id

    @property
    def attributes(self) -> Attributes:
        """The identity attributes of the spans inside it."""
        return self.conversation.attributes

    @property
    def metadata(self) -> dict[str, Any]:
        """Its metadata, as far as this process knows."""
        return self.conversation.metadata

    @property
    def enabled(self) -> bool:
        """Whether it is recorded."""
        return self.conversation.recorded


def point(
    kind: str, name: str, attributes: Attributes, *, conversation: Conversation | None = None, root: bool = False
) -> None:
    """A span that begins and ends at once; empty texts among the attributes are left out."""
    now_ns = clock.now_ns()
    with clock.use_clock(lambda: now_ns):
        given = {key: value for key, value in attributes.items() if value != ""}
        AgentSpan(kind, name, given, conversation=conversation, root=root).finish()


def message(sender: str, content: object, metadata: object = None) -> None:
    """A message in the current turn; outside one, in a turn of its own. Never raises."""
    try:
        turn = context.turn_in(None)
        if turn is None:
            if runtime.current().enabled and not context.current_conversation().id:
                say("no conversation", "a message outside a conversation is stored, but counts in no metric")
            message_alone(None, sender, content, metadata)
        else:
            turn.message(sender, content, metadata)
    except Exception as error:
        swallow("recording a message", error)


def message_alone(conversation: Conversation | None, sender: str, content: object, metadata: object = None) -> None:
    """A message in a turn of its own; of the current conversation, if None is given."""
    turn = TurnSpan(conversation=conversation)
    turn.message(sender, content, metadata)
    turn.finish()


def settle() -> None:
    """Waits until the spans that were closed or dropped so far are on their way."""
    _keeper.settle()


def finish_open_turns(reason: str) -> None:
    """Ends the turns that are still open, as incomplete for that reason."""
    for turn in list(_open_turns):
        turn.end(complete=False, reason=reason)
    settle()


def bounded_text(value: object) -> str:
    """A text as it is, '' for None, anything else as JSON; bounded by the settings."""
    return to_text(value, runtime.current().settings.max_value_bytes)


def _expire(now_s: float) -> float:
    next_s = _NEVER
    for turn in list(_open_turns):
        due_s = turn.due(now_s)
        if due_s <= now_s:
            turn.end(complete=False, reason=semconv.REASON_DEADLINE)
        else:
            next_s = min(next_s, due_s)
    return next_s


def _in_child() -> None:
    global _process
    _process += 1
    _open_turns.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)

_keeper = Keeper(_expire)


def _left(error: BaseException) -> bool:
    """Whether the work was left from outside, cancelled or closed, rather than failed."""
    if isinstance(error, (asyncio.CancelledError, FutureCancelledError)):
        return True
    members = getattr(error, "exceptions", None)  # of an exception group
    if members and not isinstance(error, Exception):
        return all(_left(member) for member in members)
    return not isinstance(error, Exception)


def _type_of(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _message_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return ""
