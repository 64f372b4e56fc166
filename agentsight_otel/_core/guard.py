"""The never-raise boundary: telemetry runs inside it, the agent's own code never does."""

import functools
import logging
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import ParamSpec, TypeVar

from agentsight_otel._core.clock import steady_s
from agentsight_otel._core.locks import new_lock

P = ParamSpec("P")
R = TypeVar("R")

logger = logging.getLogger("agentsight_otel")
"""The package's logger. It has no handler of its own: where the application has not configured logging, Python writes
warnings to stderr. A ``NullHandler``, which libraries often add, would suppress them, and losses would go unseen."""

REPEAT_AFTER_S = 60.0
"""Seconds for which the same problem is not logged again."""

_raise_errors = False
_lock = new_lock()
_said: dict[str, tuple[float, int]] = {}
_MAX_REMEMBERED = 1_000


def raise_errors(raising: bool) -> bool:
    """Makes the guard let errors through, for tests; returns whether it did before."""
    global _raise_errors
    before, _raise_errors = _raise_errors, raising
    return before


def say(
    key: str,
    message: str,
    *,
    level: int = logging.WARNING,
    error: BaseException | None = None,
    repeat_after_s: float = REPEAT_AFTER_S,
) -> None:
    """Logs a problem the first time, then at most once a minute with the number of times in between. Never raises.

    Args:
        key: Identifies the problem: two calls with the same key report the same one.
        message: The text to log.
        level: A level of the ``logging`` module.
        error: An exception whose traceback is logged too; None for none.
        repeat_after_s: Seconds for which the same problem is not logged again; ``inf`` to log it only once.
    """
    now = steady_s()
    with _lock:
        last, unsaid = _said.get(key, (float("-inf"), 0))
        if now - last < repeat_after_s:
            _said[key] = (last, unsaid + 1)
            return
        if len(_said) >= _MAX_REMEMBERED:
            _said.clear()
        _said[key] = (now, 0)
    repeated = f" ({unsaid} more since the last mention)" if unsaid else ""
    try:
        # Python's last-resort handler prints the bare message, without the logger's name.
        prefix = "" if logger.hasHandlers() else f"{logger.name}: "
        logger.log(level, "%s%s%s", prefix, message, repeated, exc_info=error)
    except Exception:  # raised by a logging handler of the application
        return


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """`` (did you mean …?)`` where one of the names is close; '' where none is."""
    import difflib

    close = difflib.get_close_matches(name, list(names), 1)
    return f" (did you mean {close[0]}?)" if close else ""


def swallow(doing: str, error: Exception) -> None:
    """Logs an error of telemetry; under ``raise_errors`` raises it again. For paths where ``guard`` is too slow.

    Args:
        doing: What was being done, for the log.
        error: The exception that was raised.
    """
    if _raise_errors:
        raise error
    try:
        say(
            f"{doing}: {type(error).__name__}",
            f"agentsight_otel failed while {doing}; your code is not affected",
            level=logging.ERROR,
            error=error,
        )
    except RecursionError:  # there is no room to say it in
        return


class guard:
    """Swallows and logs what telemetry raises inside the ``with`` block.

    Args:
        doing: What was being done, for the log.
    """

    __slots__ = ("_doing",)

    def __init__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> None:
        """Enters the block; there is nothing to set up."""

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
            try:  # a with block takes longer
                return function(*args, **kwargs)
            except Exception as error:
                swallow(doing, error)
                return None

        return call

    return decorate
