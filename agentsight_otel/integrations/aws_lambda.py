"""AWS Lambda and other serverless handlers: what an invocation records is sent before it ends.

@handler(conversation_id=lambda event, context: event["session"])
def answer(event, context): ...
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar, overload

from agentsight_otel import context, runtime, setup
from agentsight_otel._guard import guard
from agentsight_otel.spans import ConversationScope

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
    """Decorates a handler of (event, context): flushes when it returns or raises, within what is left of its time.

    The environment may be frozen once the answer is out, so the flush happens before; call ``init()`` at import, where
    warm invocations share it. Exceptions of the handler pass unchanged.

    Args:
        function: The handler.
        conversation_id: From event and context the conversation's id, or a mapping of the arguments of
            ``conversation()``, or None. The handler then runs in that conversation.
        flush_timeout_s: The most that the flush takes, in s; at least 0.5 s of the invocation's time are left, by the
            context's ``get_remaining_time_in_millis``. Without such a context the flush takes at most 2 s.

    Raises:
        TypeError: It is a generator or a coroutine function, which Lambda does not run.
    """
    if function is None:
        return functools.partial(handler, conversation_id=conversation_id, flush_timeout_s=flush_timeout_s)
    decorated = function
    if inspect.iscoroutinefunction(decorated) or inspect.isgeneratorfunction(decorated):
        raise TypeError(f"{decorated!r}: expected a plain function as handler")

    @functools.wraps(decorated)
    def call(*args: Any, **kwargs: Any) -> Any:
        event, invocation = (*args, None, None)[:2]
        scope = _scope(conversation_id, event, invocation)
        token = context.attach(scope.context) if scope else None
        try:
            return decorated(*args, **kwargs)
        finally:
            context.detach(token)
            with guard("ending an invocation"):
                setup.flush(timeout_s=_time_for_flush(invocation, flush_timeout_s))

    return call


def _scope(identify: Identify | None, event: Any, invocation: Any) -> ConversationScope | None:
    with guard("reading an event"):
        ours = runtime.current()
        if identify is not None and ours.enabled and (found := identify(event, invocation)):
            given = {"conversation_id": found} if isinstance(found, str) else found
            return ConversationScope(context.describe(ours, **given))
    return None


def _time_for_flush(invocation: Any, most_s: float) -> float:
    remaining = getattr(invocation, "get_remaining_time_in_millis", None)
    if remaining is None:
        return min(_UNKNOWN_S, most_s)
    return max(0.0, min(float(remaining()) / 1_000 - _MARGIN_S, most_s))
