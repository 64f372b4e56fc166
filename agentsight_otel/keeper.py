"""One background thread that ends what nobody else will: work dropped by its reader, turns past their deadline.

The garbage collector may drop a stream at any moment, also while this very thread holds a lock of OpenTelemetry or of
an exporter. So nothing that a finaliser may reach takes a lock: it puts a note into a queue, and this thread ends the
span. Deadlines are kept by whoever has them; the thread asks for the next one.
"""

import os
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

from agentsight_otel._guard import guard

_NEVER = float("inf")
_LONGEST_WAIT_S = threading.TIMEOUT_MAX / 2


class Keeper:
    """Runs tasks that must not run where they come up.

    Attributes:
        running: Whether it was started, in this process.

    Args:
        expire: Ends what is due at a time of the monotonic clock; returns when the next is due, ``inf`` for never.
    """

    def __init__(self, expire: Callable[[float], float]) -> None:
        self._expire = expire
        self._start_anew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._start_anew)

    def _start_anew(self) -> None:
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._wakes_at = _NEVER
        self._start_lock = threading.Lock()
        self.running = False

    def start(self) -> None:
        """Starts the thread, unless it runs or the interpreter is shutting down; not from a finaliser."""
        if self._thread is not None and self._thread.is_alive():
            return
        with self._start_lock:
            if self._thread is None or not self._thread.is_alive():
                thread = threading.Thread(target=self._run, args=(self._tasks,), name="agentsight-keeper", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # Python 3.12 starts none at its exit; settle() does without
                    return
                self._thread = thread
                self.running = True

    def run(self, task: Callable[[], None]) -> None:
        """Has the thread run a task; may be called from anywhere, finalisers and signal handlers too."""
        self._tasks.put(task)

    def watch(self, due: float) -> None:
        """Tells it that something is due at a time of the monotonic clock."""
        self.start()
        if due < self._wakes_at:
            self._tasks.put(None)

    def settle(self, timeout_s: float = 5.0) -> None:
        """Waits until the tasks given so far are done; never raises."""
        done = threading.Event()
        self._tasks.put(done.set)
        if self._thread is not None and self._thread.is_alive():
            done.wait(timeout_s)
        while not done.is_set():  # no thread, or one that hangs
            try:
                task = self._tasks.get_nowait()
            except Empty:
                return
            self._perform(task)

    def _run(self, tasks: "SimpleQueue[Callable[[], None] | None]") -> None:
        while tasks is self._tasks:
            # Before asking, so that a deadline that comes up meanwhile wakes us.
            self._wakes_at = _NEVER
            with guard("ending what is due"):
                self._wakes_at = self._expire(time.monotonic())
            wait_s = max(self._wakes_at - time.monotonic(), 0.0)
            try:
                task = tasks.get(timeout=min(wait_s, _LONGEST_WAIT_S))
            except Empty:
                continue
            self._perform(task)
            del task  # not to keep a span until the next one

    def _perform(self, task: Callable[[], None] | None) -> None:
        if task is not None:
            with guard("ending a span"):
                task()
