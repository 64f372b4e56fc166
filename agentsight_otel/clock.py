"""The time that spans and messages bear."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_clock: ContextVar[Callable[[], int] | None] = ContextVar("agentsight_clock", default=None)


def now_ns() -> int:
    """Nanoseconds since 1970, by the clock in use."""
    clock = _clock.get()
    return time.time_ns() if clock is None else clock()


@contextmanager
def use_clock(clock: Callable[[], int]) -> Iterator[None]:
    """Has this context's spans bear another time: that of a recording, or a test's.

    Args:
        clock: Returns nanoseconds since 1970.
    """
    token = _clock.set(clock)
    try:
        yield
    finally:
        _clock.reset(token)
