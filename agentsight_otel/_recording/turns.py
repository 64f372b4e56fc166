"""Turns: one exchange each, whose messages are events of its span."""

import asyncio
from concurrent.futures import CancelledError as FutureCancelledError
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN

from agentsight_otel import semconv
from agentsight_otel._core import process
from agentsight_otel._core.clock import steady_s
from agentsight_otel._core.guard import guard, guarded, say, swallow
from agentsight_otel._core.otel_private import LeanSpan
from agentsight_otel._export.span_sizes import event_wire_bytes
from agentsight_otel._recording import deadlines, streams
from agentsight_otel._recording.spans import AgentSpan
from agentsight_otel._tracing import context, ids, only_one, parents
from agentsight_otel._tracing.context import Attributes, Conversation, Scope


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
        self._said: list[str] = []  # what a stream yielded
        self._said_characters = 0
        self._shares = 0  # streams it lasts as long as
        self._kept_open = False
        self._handed_over = False
        self._block_left = False
        self._due = deadlines.NEVER
        called = agent or name
        attributes: Attributes = {
            semconv.GEN_AI_OPERATION_NAME: semconv.OPERATION_INVOKE_AGENT,
            semconv.TURN_COMPLETE: True,  # until it turns out not to be: setting it at the end costs more
        }
        if agent:
            attributes[semconv.GEN_AI_AGENT_NAME] = agent
        self._given = conversation, timeout_s
        super().__init__(
            semconv.KIND_TURN,
            f"{semconv.OPERATION_INVOKE_AGENT} {called}" if called else semconv.OPERATION_INVOKE_AGENT,
            attributes,
            conversation=conversation,
            root=True,
        )

    def _prepare(self, attributes: Attributes) -> int:
        span_id = ids.new_span_id()
        attributes[semconv.TURN_ID] = self.id = f"{span_id:016x}"
        return span_id

    def _started(self) -> None:
        conversation, timeout_s = self._given
        if self.span is INVALID_SPAN:  # not recorded, but those inside it are to know
            self.context = Context({**self.context, **context.as_turn(self)})
            return
        deadlines.open_turns.add(self)
        if conversation is not None and conversation.id:
            context.begin_block(self, conversation)
        if timeout_s is not None:
            self._due = steady_s() + timeout_s
            deadlines.keeper.watch(self._due)

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

    def message(self, sender: str, content: object, metadata: object = None, *, at_ns: int | None = None) -> None:
        """Records a message; one that comes after the turn's end gets a turn of its own.

        Args:
            sender: ``end_user`` or ``agent``.
            content: The text.
            metadata: A JSON object.
            at_ns: When it came, where its place in the conversation is settled. Default: now, and after the last.
        """
        try:
            if not self._runtime.enabled:
                return
            if self._infer and sender == semconv.SENDER_AGENT:  # said by the application itself
                self.notes_items = False
                self._said.clear()
            attributes = {semconv.MESSAGE_SENDER: sender, semconv.MESSAGE_CONTENT: self._runtime.text(content)}
            if metadata is not None:
                attributes[semconv.MESSAGE_METADATA] = self._runtime.object(metadata)
            if self._process == process.forks:
                with self._lock:
                    if not self._finished:
                        self.left_at = steady_s()
                        self._add_message(attributes, self._message_ns(at_ns))
                        return
            message_alone(self.conversation, sender, content, metadata)
        except Exception as error:
            swallow("recording a message", error)

    def _add_message(self, attributes: dict[str, str], at_ns: int) -> None:
        span = self.span
        if type(span) is LeanSpan:
            span.note(semconv.EVENT_MESSAGE, attributes, at_ns, event_wire_bytes(semconv.EVENT_MESSAGE, attributes))
        else:
            span.add_event(semconv.EVENT_MESSAGE, attributes, at_ns)

    def _message_ns(self, at_ns: int | None) -> int:
        now_ns = self._now_ns()
        if at_ns is None:
            at_ns = self._runtime.timeline.message_ns(self.conversation.id, now_ns)
        self._last_ns = max(self._last_ns, at_ns)
        return at_ns

    def result(self, value: object) -> None:
        """Records what the work returned as the agent's message, if that was asked for."""
        if self._infer and value is not None and not self._said:
            self.agent_message(value)

    def yielded(self, item: object) -> None:
        """Keeps a text that the work yielded for the agent's message, if that was asked for."""
        if self._infer and self.notes_items and type(item) is str:
            if self._said_characters <= self._runtime.settings.recorded_bytes:
                self._said.append(item)
            self._said_characters += len(item)

    def _end(self, now_ns: int, error: BaseException | None, reason: str | None) -> None:
        if self._said:
            with guard("recording what was streamed"):
                text = self._runtime.text("".join(self._said))
                attributes = {semconv.MESSAGE_SENDER: semconv.SENDER_AGENT, semconv.MESSAGE_CONTENT: text}
                self._add_message(attributes, self._message_ns(None))
                now_ns = max(now_ns, self._last_ns)
        super()._end(now_ns, error, reason)

    @guarded("naming a turn's conversation")
    def adopt(self, conversation: Conversation) -> None:
        """Puts a turn that began without a conversation into the one that is known now."""
        if not self.conversation.id and not self.finished:
            self.conversation = conversation
            for key, value in dict(conversation.attributes).items():
                self.put(key, value)

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
                covered = streams.cover(_Share(self), stream, is_stream=True)
                if covered is not streams.NOT_A_STREAM:
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
        self.left_at = steady_s()
        if not self.finished and (idle_s := self._runtime.settings.turn_timeout_s):
            deadlines.keeper.watch(self.left_at + idle_s)

    def leave_block(self, error: BaseException | None = None) -> None:
        """Ends the turn, unless something that it was handed over to still goes on, and nothing went wrong."""
        if self._handed_over and self._process == process.forks:  # else a thread of the parent may hold the lock
            with self._lock:
                self._block_left = True
                goes_on = error is None and (self._kept_open or self._shares > 0)
            if goes_on:
                return
        self._finish(error, None)

    def due(self, now_s: float) -> float:
        """When to end it, or to ask again, by ``steady_s``."""
        idle_s = self._runtime.settings.turn_timeout_s
        if not self._handed_over or not idle_s:
            return self._due
        return min(self._due, min(self.left_at, now_s) + idle_s)

    def _finish(self, error: BaseException | None, reason: str | None) -> None:
        if not self._finished and not self.conversation.id and self.span is not INVALID_SPAN:
            say("turn outside", f"a turn or message outside a conversation {context.STORED_WITHOUT}")
        super()._finish(error, reason)
        deadlines.open_turns.discard(self)
        only_one.blocks.discard(self)

    def _set_outcome(self, error: BaseException | None, reason: str | None) -> None:
        if error is not None:
            reason = semconv.REASON_ABANDONED if _left(error) else semconv.REASON_ERROR
        if reason is None:
            return
        self.put(semconv.TURN_COMPLETE, False)
        self.put(semconv.TURN_INCOMPLETE_REASON, reason)
        if reason == semconv.REASON_ERROR:
            super()._set_outcome(error, reason)

    def _share(self, count: int, error: BaseException | None = None) -> None:
        if self._process != process.forks:
            return  # as above
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
        super().__init__(parents.with_span(turn.span, turn.conversation.id, now))
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


def message(sender: str, content: object, metadata: object = None) -> None:
    """A message in the current turn; outside one, in a turn of its own. Never raises."""
    try:
        turn = context.turn_in(None)
        if turn is None:
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


def finish_open_turns(reason: str) -> None:
    """Ends the turns that are still open, as incomplete for that reason."""
    for turn in list(deadlines.open_turns):
        turn.end(complete=False, reason=reason)
    deadlines.settle()


def _left(error: BaseException) -> bool:
    """Whether the work was left from outside, cancelled or closed, rather than failed."""
    if isinstance(error, (asyncio.CancelledError, FutureCancelledError)):
        return True
    members = getattr(error, "exceptions", None)  # of an exception group
    if members and not isinstance(error, Exception):
        return all(_left(member) for member in members)
    return not isinstance(error, Exception)
