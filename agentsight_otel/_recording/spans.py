"""What each kind of span sets at its start and end: one lifecycle, small subclasses."""

import functools
import threading
import time
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Link, Span, SpanContext, Status, StatusCode
from opentelemetry.trace import SpanKind as OtelSpanKind

from agentsight_otel import semconv
from agentsight_otel._core import clock, process
from agentsight_otel._core.guard import guarded, swallow
from agentsight_otel._core.limits import MAX_NAME_BYTES, MAX_STATUS_BYTES
from agentsight_otel._core.otel_private import LeanSpan
from agentsight_otel._core.values import Collected, bounded
from agentsight_otel._export.span_sizes import attribute_wire_bytes, attributes_wire_bytes, value_wire_bytes
from agentsight_otel._recording import deadlines
from agentsight_otel._tracing import context, only_one, parents, runtime
from agentsight_otel._tracing.context import NO_CONVERSATION, Attributes, Conversation, Scope
from agentsight_otel._tracing.conversations import id_text

_NAMES = (semconv.GEN_AI_TOOL_NAME, semconv.ENTITY_NAME, semconv.GEN_AI_AGENT_NAME, semconv.GEN_AI_OPERATION_NAME)
"""Attributes that the names of spans are made of."""

_NOWHERE = Context()
_KIND_AND_TURN_BYTES = attributes_wire_bytes({semconv.SPAN_KIND: semconv.KIND_CONVERSATION, semconv.TURN_ID: "0" * 16})


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
    ) -> None:
        self.context = _NOWHERE
        self.conversation = NO_CONVERSATION
        self.span: Span = INVALID_SPAN
        self._finished = False
        self._process = process.forks
        self._last_ns = 0
        self._lock = threading.RLock()
        self._runtime = runtime.current()
        try:
            if conversation is None:
                self.context, conversation = context.here()
            else:
                self.context = context.with_conversation(conversation)
            self.conversation = conversation
            if self._runtime.enabled:
                span_id = self._prepare(attributes)
                if conversation.recorded:
                    if not deadlines.keeper.running:
                        deadlines.keeper.start()
                    self._start(kind, name, attributes, root, span_id)
            self._started()
        except Exception as error:
            if self.context is _NOWHERE:
                self.context = context.current_context()
            swallow("starting a span", error)

    def _prepare(self, attributes: Attributes) -> int:
        """Adds what else it says of itself; returns the id that its span is to have, 0 for a new one."""
        return 0

    def _started(self) -> None:
        """It is there, recorded or not."""

    def _become_copy(self) -> None:
        super()._become_copy()
        self.span = INVALID_SPAN
        self._process = process.forks
        self._lock = threading.RLock()
        self._runtime = runtime.current()

    def _start(self, kind: str, name: str, attributes: Attributes, root: bool, span_id: int) -> None:
        around, conversation = self.context, self.conversation
        turn = context.turn_in(around)
        active = parents.active_in(around)
        place = parents.place_in(around, conversation.id)
        above: SpanContext | None = None
        if turn is not None and not root:
            above = parents.parent_of(active, place, conversation.id)
        links: tuple[Link, ...] = ()
        if above is None and (current := active.get_span_context()).is_valid:
            links = (Link(current),)
        if len(name) > MAX_NAME_BYTES:
            name = self._runtime.name(name)
            attributes.update({key: self._runtime.name(str(attributes[key])) for key in _NAMES if key in attributes})
        given: dict[str, Any] = {semconv.SPAN_KIND: kind}
        context.add_identity(given, conversation, turn)
        given.update(attributes)
        own_bytes = value_wire_bytes(name) + attributes_wire_bytes(attributes)
        fit = self._runtime.fit
        self.span = self._runtime.spans.start(  # type: ignore[union-attr]  # whoever is enabled has them
            name,
            self.otel_kind,
            given if fit is None else dict(fit(given)),
            _KIND_AND_TURN_BYTES + conversation.wire_bytes + own_bytes,
            self._now_ns(),
            conversation=conversation,
            parent=above,
            span_id=span_id,
            links=links,
            around=around,
        )
        if fit is not None:
            self.span.set_attributes(given)  # made fit at its end, all at once
        tool = str(attributes[semconv.GEN_AI_TOOL_NAME]) if kind == semconv.KIND_TOOL else ""
        self.context = parents.with_span(self.span, conversation.id, around, tool, self._own_values())

    def put(self, key: str, value: str | bool | int | float | tuple[str, ...]) -> None:
        """Sets an attribute, of a text that is bounded."""
        span = self.span
        if type(span) is LeanSpan:
            span.put(key, value, attribute_wire_bytes(key, value))
        else:
            span.set_attribute(key, value)

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
        return self._runtime.text(value)

    @property
    def finished(self) -> bool:
        """Whether it has ended, or is another process's to end."""
        return self._finished or self._process != process.forks

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
        if self._finished or self._process != process.forks:
            return
        now_ns = 0
        try:
            with self._lock:  # not amid a message
                if self._finished:
                    return
                self._finished = True
                self.context = _NOWHERE  # which had us in it
                now_ns = self._now_ns()
            if error is not None and isinstance(error, GeneratorExit):
                # Whoever closes it may be the garbage collector, in the middle of anything. Without the error itself,
                # which holds the frames that it came through.
                deadlines.keeper.run(functools.partial(self._end, now_ns, GeneratorExit(), None))
            else:
                self._end(now_ns, error, reason)
        except RecursionError:  # there is no room here
            deadlines.keeper.run(functools.partial(self._end, now_ns or time.time_ns(), None, reason))
        except Exception as problem:
            if not now_ns:
                deadlines.keeper.run(functools.partial(self._end, time.time_ns(), None, reason))
            swallow("ending a span", problem)

    def _end(self, now_ns: int, error: BaseException | None, reason: str | None) -> None:
        try:
            if error is not None or reason is not None:
                self._set_outcome(error, reason)
        finally:
            self.span.end(now_ns)

    def _set_outcome(self, error: BaseException | None, reason: str | None) -> None:
        if error is not None:
            settings = self._runtime.settings
            text = bounded(_message_of(error), settings.recorded(MAX_STATUS_BYTES), settings.cut_mark)
            self.span.set_status(Status(StatusCode.ERROR, text))
            self.put(semconv.ERROR_TYPE, _type_of(error))


class ToolSpan(AgentSpan):
    """One execution of a tool.

    Args:
        name: Of the tool.
        arguments: What it is called with; JSON unless a text.
        call_id: The model's id of the call.
    """

    def __init__(self, name: str, *, arguments: object = None, call_id: str | None = None) -> None:
        self._yielded: Collected | None = None
        attributes: Attributes = {
            semconv.GEN_AI_OPERATION_NAME: semconv.OPERATION_EXECUTE_TOOL,
            semconv.GEN_AI_TOOL_NAME: name,
        }
        self._given = arguments, call_id
        super().__init__(semconv.KIND_TOOL, f"{semconv.OPERATION_EXECUTE_TOOL} {name}", attributes)

    def _prepare(self, attributes: Attributes) -> int:
        (arguments, call_id), self._given = self._given, (None, None)
        if call_id and (called := self._runtime.text(call_id)):
            attributes[semconv.GEN_AI_TOOL_CALL_ID] = called
        if arguments is not None and (text := self._runtime.text(arguments)):
            attributes[semconv.GEN_AI_TOOL_CALL_ARGUMENTS] = text
        return 0

    @guarded("recording a tool's result")
    def result(self, value: object) -> None:
        """Records what the tool returned: a text as it is, anything else as JSON. Never raises.

        After items that it yielded, it is the last of them: ``{"returned": …}``.
        """
        if value is None or self._finished or self.span is INVALID_SPAN:
            return
        if self._yielded is not None:
            self._yielded.add({"returned": value})
        else:
            self.put(semconv.GEN_AI_TOOL_CALL_RESULT, self._runtime.text(value))

    def yielded(self, item: object) -> None:
        """Records what the tool yielded, as a list. Never raises."""
        if self._yielded is None:
            settings = self._runtime.settings
            self._yielded = Collected(settings.recorded_bytes, settings.cut_mark)
        self._yielded.add(item)

    def _end(self, now_ns: int, error: BaseException | None, reason: str | None) -> None:
        try:
            if self._yielded is not None:
                self.put(semconv.GEN_AI_TOOL_CALL_RESULT, self._yielded.json())
        finally:
            super()._end(now_ns, error, reason)


class TaskSpan(AgentSpan):
    """Internal work, not counted as a tool."""

    def __init__(self, name: str) -> None:
        super().__init__(semconv.KIND_TASK, name, {semconv.ENTITY_NAME: name})


class ConversationScope(Scope):
    """A conversation made current, without a span of its own.

    Attributes:
        conversation: The conversation.
    """

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        super().__init__(context.with_conversation(conversation))
        context.begin_block(self, conversation)

    def finish(self, error: BaseException | None = None) -> None:
        """The block is over."""
        only_one.blocks.discard(self)

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


def bounded_text(value: object) -> str:
    """A text as it is, '' for None, anything else as JSON; bounded by the settings."""
    return runtime.current().text(value)


def identifier(value: object) -> str:
    """The text of an id or a name, as ``id_text`` has it; bounded by the settings."""
    return id_text(value, runtime.current().settings.recorded_bytes)


def bounded_object(value: object) -> str:
    """A JSON object of metadata, whatever was given; '' for None; bounded by the settings."""
    return runtime.current().object(value)


def _type_of(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _message_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return ""
