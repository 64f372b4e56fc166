"""Locks that stay safe when a finaliser, a signal handler or a fork interrupts the code that holds them."""

import _thread
from contextlib import AbstractContextManager

from agentsight_otel._core import process


def new_lock() -> AbstractContextManager[object]:
    """A lock for objects that live as long as the process: reentrant, and released in a forked child.

    Under gevent and eventlet it is still a lock of the operating system's threads, because they do not patch this type.
    So code that holds it must not wait for anything: no greenlet may switch to another while holding it.
    """
    lock = _thread.RLock()
    # As the standard library does with its own locks: otherwise the child would wait for a thread that it has not got.
    if (renew := getattr(lock, "_at_fork_reinit", None)) is not None:  # Windows has no forks
        process.in_child(process.Stage.LOCKS, renew)
    return lock
