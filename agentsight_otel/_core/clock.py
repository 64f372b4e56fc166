"""The time that spans and messages bear, and reading times."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

_FRACTION = re.compile(r"[.,](\d+)")

if hasattr(time, "CLOCK_MONOTONIC"):

    def steady_s() -> float:
        """Seconds of a clock that setting the system's time does not move: for deadlines and pauses.

        ``time.monotonic`` is the same clock, but libraries that freeze or move the time replace that one too.
        """
        return time.clock_gettime(time.CLOCK_MONOTONIC)
else:
    steady_s = time.monotonic

_clock: ContextVar[Callable[[], int] | None] = ContextVar("agentsight_clock", default=None)


def now_ns() -> int:
    """The current time in nanoseconds since 1970: by the clock of ``use_clock`` inside it, else the system's."""
    clock = _clock.get()
    return time.time_ns() if clock is None else clock()


@contextmanager
def use_clock(clock: Callable[[], int]) -> Iterator[None]:
    """Takes the times of spans and messages recorded within the block from another clock, as replays and tests do.

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
        ValueError: The text is no time in ISO 8601.
    """
    text = re.sub(r"[zZ]$", "+00:00", text.strip())
    return datetime.fromisoformat(_FRACTION.sub(lambda match: f".{match[1][:6]:0<6}", text, count=1))
