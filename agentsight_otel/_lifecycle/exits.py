"""The last spans: delivered when the process exits, ends as a child of multiprocessing, or is told to terminate."""

import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

from agentsight_otel._core import process
from agentsight_otel._core.guard import guard

_FIRST = 100  # a priority by which multiprocessing runs a finalizer before others


@dataclass(frozen=True, eq=False)
class Watch:
    """What is called when the process ends.

    Attributes:
        shutdown: Ends recording.
        flush: Sends the spans that are queued.
    """

    shutdown: Callable[[], object]
    flush: Callable[[], object]


_current: Watch | None = None


def watch(shutdown: Callable[[], object], flush: Callable[[], object], *, sigterm: bool) -> Watch:
    """Has the last spans delivered however the process ends, short of being killed.

    Args:
        shutdown: Ends recording; called at exit.
        flush: Sends the spans that are queued; called at SIGTERM where the application decides about the end.
        sigterm: Whether to handle SIGTERM, where the application does not (in its main thread) when this is called:
            the process still ends by that signal, after ``shutdown``. A second one ends it at once. An application's
            handler that is installed later, and calls ours, has the spans flushed, and decides about the end itself.
            As process 1 of a container, which SIGTERM does not end by default, it flushes and goes on.

    Returns:
        The watch, to give to ``unwatch``.
    """
    global _current
    watching = _current = Watch(shutdown, flush)
    atexit.unregister(_at_exit)
    atexit.register(_at_exit)
    _finish_with_multiprocessing()
    if sigterm and os.name == "posix" and threading.current_thread() is threading.main_thread():
        with guard("watching for SIGTERM"):
            if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
                signal.signal(signal.SIGTERM, _on_sigterm)
    return watching


def unwatch(watching: Watch) -> None:
    """Undoes what ``watch`` did, unless another watch was set up meanwhile."""
    global _current
    if _current is not watching:
        return
    _current = None
    atexit.unregister(_at_exit)
    if threading.current_thread() is threading.main_thread() and os.name == "posix":
        with guard("leaving SIGTERM"):
            if signal.getsignal(signal.SIGTERM) is _on_sigterm:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _at_exit(*_: object) -> None:
    if _current is not None:
        _current.shutdown()


def _finish_with_multiprocessing() -> None:
    """Registers with multiprocessing, whose children end by ``os._exit``: they run its finalizers, but not atexit."""
    util: Any = sys.modules.get("multiprocessing.util")
    if util is not None and sys.modules["multiprocessing"].parent_process() is not None:
        util.Finalize(None, _at_exit, exitpriority=_FIRST)


def _in_child() -> None:
    """After a fork: multiprocessing empties its registry of finalizers, and then calls what is registered here."""
    util: Any = sys.modules.get("multiprocessing.util")
    if util is not None and _current is not None:
        with guard("preparing for a child's exit"):
            util.register_after_fork(_at_exit, lambda _: util.Finalize(None, _at_exit, exitpriority=_FIRST))


process.in_child(process.Stage.LIFECYCLE, _in_child)


def _on_sigterm(number: int, frame: FrameType | None) -> None:
    # In a thread of its own: the interrupted code may hold locks that delivery needs, and goes on to release them.
    ends = signal.getsignal(number) is _on_sigterm and os.getpid() != 1
    if ends:
        signal.signal(number, signal.SIG_DFL)
    with guard("ending at SIGTERM"):
        threading.Thread(target=_terminate, args=(number, ends), name="agentsight-sigterm").start()


def _terminate(number: int, ends: bool) -> None:
    watching = _current
    try:
        if watching is not None:
            (watching.shutdown if ends else watching.flush)()
    finally:
        if ends:
            os.kill(os.getpid(), number)
