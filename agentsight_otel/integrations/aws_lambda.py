"""AWS Lambda and other serverless handlers: the spans of an invocation are sent before it ends.

@handler(conversation_id=lambda event, context: event["session"])
def answer(event, context): ...
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar, overload

from agentsight_otel._core.guard import guard
from agentsight_otel._lifecycle import setup
from agentsight_otel._tracing import context, runtime, surroundings
from agentsight_otel._tracing.surroundings import Surroundings

P = ParamSpec("P")
R = TypeVar("R")

_MARGIN_S = 0.5
_MOST_S = 10.0
_UNKNOWN_S = 2.0

Identify = Callable[[Any, Any], str | Mapping[str, Any] | None]


@overload
def handler(function: Callable[P, R]) -> Callable[P, R]: ...
@overload
def handler(
    *, conversation_id: Identify | None = None, flush_timeout_s: float = _MOST_S
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def handler(
    function: Callable[..., Any] | None = None,
    *,
    conversation_id: Identify | None = None,
    flush_timeout_s: float = _MOST_S,
) -> Any:
    """Decorates a handler of (event, context): flushes when it returns or raises, within the invocation's time limit.

    The process may be frozen after the handler has returned, so spans are flushed before. Call ``init()`` at import,
    so that warm invocations share it. Exceptions of the handler pass unchanged.

    Args:
        function: The handler.
        conversation_id: A function of event and context that returns the conversation's id, or a mapping of the
            arguments of ``conversation()``, or None. The handler runs in that conversation.
        flush_timeout_s: The longest that the flush may take, in seconds. It also ends 0.5 s before the invocation's
            time limit, by the context's ``get_remaining_time_in_millis``; without such a context it takes at most 2 s.

    Raises:
        TypeError: The function is a generator or a coroutine function, which Lambda does not run.
    """
    if function is None:
        return functools.partial(handler, conversation_id=conversation_id, flush_timeout_s=flush_timeout_s)
    decorated = function
    if inspect.iscoroutinefunction(decorated) or inspect.isgeneratorfunction(decorated):
        raise TypeError(f"{decorated!r}: expected a plain function as handler")

    @functools.wraps(decorated)
    def call(*args: Any, **kwargs: Any) -> Any:
        event, invocation = (*args, None, None)[:2]
        around = _surroundings(conversation_id, event, invocation)
        try:
            with around:
                return decorated(*args, **kwargs)
        finally:
            around.end()
            with guard("ending an invocation"):
                setup.flush(timeout_s=_time_for_flush(invocation, flush_timeout_s))

    return call


def _surroundings(identify: Identify | None, event: Any, invocation: Any) -> Surroundings:
    """The surroundings of one invocation, so that nothing that it makes current is left for the next one."""
    with guard("reading an event"):
        ours = runtime.current()
        if identify is not None and ours.enabled and (identity := identify(event, invocation)):
            fields = identity if isinstance(identity, Mapping) else {"conversation_id": identity}
            with surroundings.of_request():
                conversation = context.describe(ours, **fields)
            return surroundings.of_request(conversation)
    return surroundings.of_request()


def _time_for_flush(invocation: Any, most_s: float) -> float:
    remaining = getattr(invocation, "get_remaining_time_in_millis", None)
    if remaining is None:
        return min(_UNKNOWN_S, most_s)
    return max(0.0, min(float(remaining()) / 1_000 - _MARGIN_S, most_s))
