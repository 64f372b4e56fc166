"""The conversation follows work into threads, thread pools and other processes.

asyncio, anyio and trio carry it by themselves, as they copy the context into each task. Threads and process pools do
not: use the classes here in place of the standard library's, or ``carry`` the function that you hand over. Where
OpenTelemetry's ThreadingInstrumentor is active, the standard library's threads and thread pools carry it too, and
those here leave it to that.
"""

import concurrent.futures
import contextvars
import functools
import json
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, ParamSpec, TypeVar

from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, TraceFlags

from agentsight_otel import context, lineage, semconv, spans
from agentsight_otel._guard import guard
from agentsight_otel.context import Conversation, Turn

P = ParamSpec("P")
R = TypeVar("R")


def carry(function: Callable[P, R]) -> Callable[P, R]:
    """A function that runs in the present conversation and turn, whichever thread or process calls it.

        threading.Thread(target=agentsight.carry(work)).start()
        loop.run_in_executor(None, agentsight.carry(work))

    In a thread it has all context variables of here, each call its own copy. It can be pickled if the function can:
    in another process, which needs an ``init()`` of its own, its spans hang below the present one, and messages get
    turns of their own.

    Args:
        function: What to run.
    """
    return _Carried(function)


class ThreadPoolExecutor(concurrent.futures.ThreadPoolExecutor):
    """The standard library's, whose work is part of the conversation that submitted it."""

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> "Future[R]":
        """As ``concurrent.futures.ThreadPoolExecutor.submit``."""
        carried = fn if _is_instrumented(concurrent.futures.ThreadPoolExecutor.submit) else carry(fn)
        return super().submit(carried, *args, **kwargs)


class ProcessPoolExecutor(concurrent.futures.ProcessPoolExecutor):
    """The standard library's, whose work is part of the conversation that submitted it.

    Call ``init()`` in the pool's ``initializer``.
    """

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> "Future[R]":
        """As ``concurrent.futures.ProcessPoolExecutor.submit``."""
        return super().submit(carry(fn), *args, **kwargs)


class Thread(threading.Thread):
    """The standard library's, whose work is part of the conversation that started it."""

    _variables: contextvars.Context | None = None

    def start(self) -> None:
        """As ``threading.Thread.start``."""
        if not _is_instrumented(threading.Thread.start):
            self._variables = contextvars.copy_context()
        super().start()

    def run(self) -> None:
        """As ``threading.Thread.run``."""
        if self._variables is None:
            super().run()
        else:
            self._variables.run(super().run)


def _is_instrumented(function: object) -> bool:
    return hasattr(function, "__wrapped__")


class _Carried(Generic[P, R]):
    def __init__(self, function: Callable[P, R]) -> None:
        self._function = function
        self._variables = contextvars.copy_context()
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._variables.copy().run(self._function, *args, **kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        return _Arrived, (self._function, self._variables.run(_passport))


class _Arrived(Generic[P, R]):
    """A carried function in another process."""

    def __init__(self, function: Callable[P, R], passport: "dict[str, Any]") -> None:
        self._function = function
        self._passport = passport

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        token = None
        with guard("arriving in a process"):
            token = context.attach(_context_of(self._passport))
        try:
            return self._function(*args, **kwargs)
        finally:
            context.detach(token)


class _TurnElsewhere:
    """The turn of another process: what is said here belongs to its conversation, in turns of its own."""

    def __init__(self, id: str, span: Span, conversation: Conversation) -> None:
        self.id = id
        self.span = span
        self.conversation = conversation

    def message(self, sender: str, content: object, metadata: object = None) -> None:
        """Records a message."""
        spans.message_alone(self.conversation, sender, content, metadata)

    def adopt(self, conversation: Conversation) -> None:
        """Nothing: the turn is not ours."""


def _passport() -> dict[str, Any]:
    """What another process has to know of the present context, of plain values."""
    here = context.current_context()
    conversation, turn = context.conversation_in(here), context.turn_in(here)
    if turn is not None and not conversation.id:
        conversation = turn.conversation
    above = None if turn is None else lineage.parent_in(here, conversation.id)
    return {
        "id": conversation.id,
        "attributes": dict(conversation.attributes),
        "recorded": conversation.recorded,
        "turn": "" if turn is None else turn.id,
        "span": None if above is None else (above.trace_id, above.span_id, int(above.trace_flags)),
    }


def _context_of(passport: dict[str, Any]) -> Context:
    attributes = passport["attributes"]
    metadata: Any = {}
    with guard("reading metadata"):
        metadata = json.loads(attributes.get(semconv.CONVERSATION_METADATA, "{}"))
    conversation = Conversation(
        passport["id"], attributes, metadata if isinstance(metadata, dict) else {}, passport["recorded"]
    )
    there = context.with_conversation(conversation)
    if passport["span"] is None:
        return there
    trace_id, span_id, flags = passport["span"]
    span = NonRecordingSpan(SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags)))
    turn: Turn = _TurnElsewhere(passport["turn"], span, conversation)
    return lineage.with_span(span, conversation.id, there, more=context.as_turn(turn))
