"""Background threads, and waiting for them, that work under gevent and eventlet, whenever those patch ``threading``.

An application may patch before or after it imports the package, calls ``init()`` or forks. So background work always
runs in a thread of the operating system, and sleeps on a lock of the operating system, which no later patch replaces.
The application's own threads, which may be greenlets that must not block the others, wait for it by ``wait_for``.
"""

import _thread
import select
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from agentsight_otel._core.clock import steady_s

LONGEST_WAIT_S = threading.TIMEOUT_MAX / 2
"""The longest timeout that a lock is given, in seconds."""

_GREEN_STEP_S = 0.01


def _original(name: str) -> Any:
    """A function of ``_thread`` as it was before any patch."""
    if (monkey := sys.modules.get("gevent.monkey")) is not None:
        return monkey.get_original("_thread", name)
    if (patcher := sys.modules.get("eventlet.patcher")) is not None:
        return getattr(patcher.original("_thread"), name)
    return getattr(_thread, name)


_allocate_lock = _original("allocate_lock")
_start_new_thread = _original("start_new_thread")


def is_patched() -> bool:
    """Whether gevent or eventlet has patched ``threading``."""
    return _thread.allocate_lock is not _allocate_lock


def let_urllib3_wait() -> None:
    """Has urllib3 wait for sockets by what there is: eventlet takes ``select.poll`` away, which it may have chosen."""
    waiting: Any = sys.modules.get("urllib3.util.wait")
    if waiting is not None and not hasattr(select, "poll"):
        waiting.wait_for_socket = waiting.select_wait_for_socket


class Bell:
    """Wakes the thread that waits for it. Ringing takes no lock, so finalisers and signal handlers may ring."""

    __slots__ = ("_silent",)

    def __init__(self) -> None:
        self._silent = _allocate_lock()
        self._silent.acquire()

    def ring(self) -> None:
        """Wakes the thread that waits, or the next one that will."""
        try:
            self._silent.release()
        except RuntimeError:  # it has rung already
            return

    def wait(self, timeout_s: float) -> bool:
        """Waits in a thread of the operating system.

        Args:
            timeout_s: How long at most, in seconds.

        Returns:
            Whether it rang.
        """
        rang: bool = self._silent.acquire(timeout=min(max(timeout_s, 0.0), LONGEST_WAIT_S))
        return rang


class Worker:
    """One thread of the operating system that does not delay the end of the process.

    Args:
        run: The function that runs in the thread.
    """

    def __init__(self, run: Callable[[], object]) -> None:
        self._run = run
        self._identity: int | None = None
        self._ended = False
        self._end = Bell()

    def start(self) -> bool:
        """Starts the thread; False where the interpreter is shutting down and starts no more threads."""
        try:
            # Not a threading.Thread: other libraries instrument those, and one that a patch overtakes fails at its end.
            _start_new_thread(self._work, ())
        except RuntimeError:
            self._ended = True
            return False
        return True

    def _work(self) -> None:
        self._identity = threading.get_ident()
        try:
            self._run()
        finally:
            self._ended = True
            self._end.ring()

    @property
    def alive(self) -> bool:
        """Whether the thread runs, or is about to."""
        return not self._ended

    @property
    def is_current(self) -> bool:
        """Whether the caller runs in this thread."""
        return self._identity == threading.get_ident()

    def join(self, timeout_s: float) -> bool:
        """Waits at most so many seconds for the thread to end; returns whether it has."""
        return wait_for(lambda: self._ended, self._end, timeout_s)


def wait_for(condition: Callable[[], object], bell: Bell, timeout_s: float) -> bool:
    """Waits in a thread or greenlet of the application; greenlets beside it go on meanwhile.

    Args:
        condition: Returns whether the wait is over.
        bell: Rings when the condition may have come true.
        timeout_s: How long at most, in seconds, by the steady clock.

    Returns:
        Whether the condition came true in time.
    """
    deadline_s = steady_s() + timeout_s
    while not condition():
        left_s = deadline_s - steady_s()
        if left_s <= 0:
            return False
        if is_patched():
            # A greenlet cannot sleep on the bell, and a thread outside its hub cannot wake it.
            time.sleep(min(left_s, _GREEN_STEP_S))
        else:
            bell.wait(left_s)
    return True
