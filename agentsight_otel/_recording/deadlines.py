"""One background thread that ends what nobody else will: work dropped by its reader, turns past their deadline.

The garbage collector may drop a stream at any moment, also while this very thread holds a lock of OpenTelemetry or of
an exporter. So nothing that a finaliser may reach takes a lock: it leaves a note and rings, and this thread ends the
span. Deadlines are kept by whoever has them; the thread asks for the next one.
"""

from collections import deque
from collections.abc import Callable
from typing import Protocol

from agentsight_otel import semconv
from agentsight_otel._core import process
from agentsight_otel._core.clock import steady_s
from agentsight_otel._core.guard import guard
from agentsight_otel._core.locks import new_lock
from agentsight_otel._core.threads import Bell, Worker, wait_for

NEVER = float("inf")


class Expiring(Protocol):
    """What has a deadline."""

    def due(self, now_s: float) -> float:
        """When to end it, or to ask again, by ``steady_s``."""

    def end(self, complete: bool = True, *, reason: str | None = None) -> None:
        """Ends it now."""


open_turns: set[Expiring] = set()
"""The turns that have not ended, of this process."""


class Keeper:
    """Runs tasks that must not run where they come up.

    Attributes:
        running: Whether it was started, in this process.

    Args:
        expire: Ends what is due at a time of ``steady_s``; returns when the next is due, ``inf`` for never.
    """

    def __init__(self, expire: Callable[[float], float]) -> None:
        self._expire = expire
        self._start_lock = new_lock()
        self._start_anew()
        process.in_child(process.Stage.RECORDING, self._start_anew)

    def _start_anew(self) -> None:
        self._tasks: deque[Callable[[], None]] = deque()
        self._bell = Bell()
        self._wakes_at = NEVER
        self.running = False

    def start(self) -> None:
        """Starts the thread, unless it runs or the interpreter is shutting down; not from a finaliser."""
        if self.running:
            return
        with self._start_lock:
            if not self.running:
                self.running = True  # before it starts, which may let other greenlets go on
                # Python 3.12 starts none at its exit; settle() does without.
                self.running = Worker(self._run).start()

    def run(self, task: Callable[[], None]) -> None:
        """Has the thread run a task; may be called from anywhere, finalisers and signal handlers too."""
        self._tasks.append(task)
        self._bell.ring()

    def watch(self, due: float) -> None:
        """Tells it that something is due at a time of ``steady_s``."""
        self.start()
        if due < self._wakes_at:
            self._bell.ring()

    def settle(self, timeout_s: float = 5.0) -> None:
        """Waits until the tasks given so far are done; never raises."""
        done, bell = [False], Bell()

        def tell() -> None:
            done[0] = True
            bell.ring()

        self.run(tell)
        if self.running:
            wait_for(lambda: done[0], bell, timeout_s)
        while self._tasks and not done[0]:  # no thread, or one that hangs
            self._perform_next()

    def _run(self) -> None:
        try:
            while True:
                # Before asking, so that a deadline that comes up meanwhile wakes us.
                self._wakes_at = NEVER
                with guard("ending what is due"):
                    self._wakes_at = self._expire(steady_s())
                if not self._tasks:
                    self._bell.wait(self._wakes_at - steady_s())
                while self._tasks:
                    self._perform_next()
        finally:
            self.running = False

    def _perform_next(self) -> None:
        try:
            task = self._tasks.popleft()
        except IndexError:
            return
        with guard("ending a span"):
            task()


def expire(now_s: float) -> float:
    """Ends the turns that are due at a time of ``steady_s``; returns when the next is due, ``inf`` for never."""
    next_s = NEVER
    for turn in list(open_turns):
        due_s = turn.due(now_s)
        if due_s <= now_s:
            turn.end(complete=False, reason=semconv.REASON_DEADLINE)
        else:
            next_s = min(next_s, due_s)
    return next_s


keeper = Keeper(expire)
process.in_child(process.Stage.RECORDING, open_turns.clear)


def settle() -> None:
    """Waits until the spans that were closed or dropped so far are on their way."""
    keeper.settle()
