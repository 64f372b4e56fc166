"""Locks that a finaliser, a signal handler or a fork may come into."""

import os
import threading
from contextlib import AbstractContextManager


def new_lock() -> AbstractContextManager[object]:
    """A lock for what lives as long as the process: reentrant, and free in a forked child, whoever held it."""
    lock = threading.RLock()
    if hasattr(os, "register_at_fork"):
        # What the standard library does with its own; without it the child would wait for a thread that is not there.
        os.register_at_fork(after_in_child=lock._at_fork_reinit)  # type: ignore[attr-defined]
    return lock
