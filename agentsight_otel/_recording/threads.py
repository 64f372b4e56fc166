"""Carries the conversation into threads, tasks and other processes.

asyncio, anyio and trio do so themselves, because they copy the context into each task; for jobs of the standard
library's ``ThreadPoolExecutor`` the module ``pools`` does it. For bare threads, queues and process pools, apply
``carry`` to the function that they run, or use the classes of ``agentsight_otel.concurrency``.
"""

import contextvars
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import wrapt
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, TraceFlags

from agentsight_otel import semconv
from agentsight_otel._core.guard import guard
from agentsight_otel._recording import streams, turns
from agentsight_otel._tracing import context, parents
from agentsight_otel._tracing.context import Conversation, Scope, Turn
from agentsight_otel._tracing.conversations import metadata_in

P = ParamSpec("P")
R = TypeVar("R")


def carry(function: Callable[P, R]) -> Callable[P, R]:
    """A function that runs in the present conversation and turn, whichever thread, task or process calls it.

        threading.Thread(target=agentsight.carry(work)).start()
        queue.put(agentsight.carry(work))

    It remains what it was: a coroutine function, a generator function, a task of Celery. In a thread, each call has its
    own copy of all present context variables; the steps of a coroutine or generator have the variables of the code that
    takes them, but the present conversation and turn. It can be pickled if the function can: in another process, which
    needs its own ``init()``, its spans are children of the present one, and messages get turns of their own.

    Args:
        function: The function to carry.
    """
    return _Carried(function, contextvars.copy_context())


if TYPE_CHECKING:
    _FunctionWrapper = wrapt.FunctionWrapper[..., Any]
else:
    _FunctionWrapper = wrapt.FunctionWrapper  # before wrapt 2 it takes no type arguments


class _Carried(_FunctionWrapper):
    """A carried function.

    Args:
        function: The function to run.
        origin: The context variables to run it with; or their description from another process.
    """

    def __init__(self, function: Callable[..., Any], origin: "contextvars.Context | dict[str, Any]") -> None:
        super().__init__(function, self._agentsight_call)
        self._self_origin = origin

    def _agentsight_call(
        self, function: Callable[..., Any], instance: object, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        variables = contextvars.copy_context()
        if isinstance(self._self_origin, contextvars.Context):
            variables = self._self_origin.copy()
        else:
            with guard("arriving in a process"):
                variables.run(context.attach, _context_of(self._self_origin))
        value = variables.run(function, *args, **kwargs)
        covered = streams.cover(Scope(variables.run(context.here)[0]), value)
        return value if covered is streams.NOT_A_STREAM else covered

    def __copy__(self) -> "_Carried":
        return self  # as of any function

    def __deepcopy__(self, memo: object) -> "_Carried":
        return self

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        origin = self._self_origin
        passport = origin.run(_passport) if isinstance(origin, contextvars.Context) else origin
        return _Carried, (self.__wrapped__, passport)


class _TurnElsewhere:
    """The turn of another process: messages here belong to its conversation, but get turns of their own."""

    def __init__(self, id: str, span: Span, conversation: Conversation) -> None:
        self.id = id
        self.span = span
        self.conversation = conversation

    def message(self, sender: str, content: object, metadata: object = None) -> None:
        """Records a message."""
        turns.message_alone(self.conversation, sender, content, metadata)

    def adopt(self, conversation: Conversation) -> None:
        """Does nothing: the turn belongs to another process."""


def _passport() -> dict[str, Any]:
    """The present conversation, turn and span as plain values, for another process."""
    here, conversation = context.here()
    turn = context.turn_in(here)
    if turn is not None and not conversation.id:
        conversation = turn.conversation
    above = None if turn is None else parents.parent_in(here, conversation.id)
    return {
        "id": conversation.id,
        "attributes": dict(conversation.attributes),
        "recorded": conversation.recorded,
        "turn": "" if turn is None else turn.id,
        "span": None if above is None else (above.trace_id, above.span_id, int(above.trace_flags)),
    }


def _context_of(passport: dict[str, Any]) -> Context:
    attributes = passport["attributes"]
    metadata = metadata_in(attributes.get(semconv.CONVERSATION_METADATA))
    conversation = Conversation(passport["id"], attributes, metadata, passport["recorded"])
    there = context.with_conversation(conversation)
    if passport["span"] is None:
        return there
    trace_id, span_id, flags = passport["span"]
    span = NonRecordingSpan(SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags)))
    turn: Turn = _TurnElsewhere(passport["turn"], span, conversation)
    return parents.with_span(span, conversation.id, there, more=context.as_turn(turn))
