"""The never-raise boundary: telemetry runs inside it, the agent's own code never does."""

import functools
import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import ParamSpec, TypeVar

from agentsight_otel._locks import new_lock

P = ParamSpec("P")
R = TypeVar("R")

logger = logging.getLogger("agentsight_otel")
logger.addHandler(logging.NullHandler())

REPEAT_AFTER_S = 60.0
"""How long the same problem is not mentioned again, in seconds."""

_raise_errors = False
_lock = new_lock()
_said: dict[str, tuple[float, int]] = {}
_MAX_REMEMBERED = 1_000


def raise_errors(raising: bool) -> bool:
    """Makes the guard let errors through, for tests; returns what was set before."""
    global _raise_errors
    before, _raise_errors = _raise_errors, raising
    return before


def say(key: str, message: str, *, level: int = logging.WARNING, error: BaseException | None = None) -> None:
    """Logs a problem the first time, then at most once a minute with the number of times in between. Never raises.

    Args:
        key: What makes two problems the same.
        message: For people.
        level: Of the ``logging`` module.
        error: Its traceback is logged too.
    """
    now = time.monotonic()
    with _lock:
        last, unsaid = _said.get(key, (float("-inf"), 0))
        if now - last < REPEAT_AFTER_S:
            _said[key] = (last, unsaid + 1)
            return
        if len(_said) >= _MAX_REMEMBERED:
            _said.clear()
        _said[key] = (now, 0)
    repeated = f" ({unsaid} more since the last mention)" if unsaid else ""
    try:
        logger.log(level, "%s%s", message, repeated, exc_info=error)
    except Exception:  # a logging handler of the application
        return


def swallow(doing: str, error: Exception) -> None:
    """Logs what telemetry raised; under tests it is raised again. What ``guard`` does, for paths where it is too slow.

    Args:
        doing: What was being done, for the log.
        error: What was raised.
    """
    if _raise_errors:
        raise error
    say(
        f"{doing}: {type(error).__name__}",
        f"agentsight_otel failed while {doing}; your code is not affected",
        level=logging.ERROR,
        error=error,
    )


class guard:
    """Swallows and logs what telemetry raises inside the ``with`` block.

    Args:
        doing: What was being done, for the log.
    """

    __slots__ = ("_doing",)

    def __init__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> None:
        """Nothing to set up."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        """Swallows an ``Exception``; interrupts and exits pass."""
        if error is None or not isinstance(error, Exception) or _raise_errors:
            return False
        swallow(self._doing, error)
        return True


def guarded(doing: str) -> Callable[[Callable[P, R]], Callable[P, R | None]]:
    """Decorates a function that then never raises; it returns None where it would have.

    Args:
        doing: What the function does, for the log.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R | None]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R | None:
            with guard(doing):
                return function(*args, **kwargs)
            return None

        return call

    return decorate
