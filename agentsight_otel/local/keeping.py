"""Restarts processes that end although they should run."""

import asyncio
import contextlib
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from agentsight_otel.local.errors import LocalClickHouseError

_LOOK_EVERY_S = 0.2
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
_SETTLED_AFTER_S = 60.0


class Part(Protocol):
    """A process that `up` runs."""

    name: str
    log: Path

    def alive(self) -> bool:
        """Whether the process runs."""

    def restart(self, is_given_up: Callable[[], bool] = lambda: False) -> None:
        """Starts the process again after it has ended.

        Args:
            is_given_up: Returns whether it is to start no longer; asked while it starts.

        Raises:
            LocalClickHouseError: It did not start.
            OSError: A file cannot be written, for example because the disk is full.
        """


async def keep_running(parts: Sequence[Part], stop: asyncio.Event) -> None:
    """Restarts parts that end, until ``stop`` is set; writes to stderr what ended, and when it runs again.

    A part is restarted at once the first time, then after pauses that grow to half a minute.
    """
    pauses_s: dict[str, float] = {}
    due: dict[str, float] = {}
    while not stop.is_set():
        for part in parts:
            now = time.monotonic()
            if part.alive():
                if now - due.get(part.name, now) > _SETTLED_AFTER_S:
                    pauses_s.pop(part.name, None)
                    due.pop(part.name)
                continue
            if part.name not in due or now >= due[part.name]:
                await _restart(part, stop)
                pause_s = pauses_s.get(part.name, _FIRST_PAUSE_S)
                pauses_s[part.name] = min(2 * pause_s, _LONGEST_PAUSE_S)
                due[part.name] = time.monotonic() + pause_s
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stop.wait(), _LOOK_EVERY_S)


async def _restart(part: Part, stop: asyncio.Event) -> None:
    """Starts a part; where ``stop`` is set meanwhile, it ends at once."""
    _say(f"{part.name} ended unexpectedly (see {part.log}); starting it again")
    is_given_up = threading.Event()
    restarting = asyncio.create_task(asyncio.to_thread(part.restart, is_given_up.is_set))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({restarting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    is_given_up.set()
    try:
        await restarting
    except (LocalClickHouseError, OSError) as error:
        if not stop.is_set():
            _say(f"{part.name} did not start: {error}")
    else:
        _say(f"{part.name} runs again")


def _say(what: str) -> None:
    print(f"agentsight-otel: {what}", file=sys.stderr, flush=True)
