"""The time that spans and messages bear, and reading times."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

_FRACTION = re.compile(r"[.,](\d+)")

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


def parse_iso8601(text: str) -> datetime:
    """A time in ISO 8601, with any number of decimals, of which six count; naive unless it says its zone.

    Python before 3.11 reads neither Z nor any other number of decimals than three or six.

    Raises:
        ValueError: It is none.
    """
    text = re.sub(r"[zZ]$", "+00:00", text.strip())
    return datetime.fromisoformat(_FRACTION.sub(lambda match: f".{match[1][:6]:0<6}", text, count=1))
