"""Threads and pools that take the conversation along."""

import concurrent.futures
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import ParamSpec, TypeVar

from agentsight_otel._recording.threads import carry

__all__ = ["ProcessPoolExecutor", "Thread", "ThreadPoolExecutor", "carry"]

P = ParamSpec("P")
R = TypeVar("R")


class ThreadPoolExecutor(concurrent.futures.ThreadPoolExecutor):
    """A thread pool whose work belongs to the conversation that submitted it, and has its context variables."""

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> "Future[R]":
        """As ``concurrent.futures.ThreadPoolExecutor.submit``."""
        return super().submit(carry(fn), *args, **kwargs)


class ProcessPoolExecutor(concurrent.futures.ProcessPoolExecutor):
    """A process pool whose work belongs to the conversation that submitted it.

    Call ``init()`` in the pool's ``initializer``.
    """

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> "Future[R]":
        """As ``concurrent.futures.ProcessPoolExecutor.submit``."""
        return super().submit(carry(fn), *args, **kwargs)


class Thread(threading.Thread):
    """A thread whose work belongs to the conversation that started it, and has its context variables."""

    _variables: contextvars.Context | None = None

    def start(self) -> None:
        """As ``threading.Thread.start``."""
        self._variables = contextvars.copy_context()
        super().start()

    def run(self) -> None:
        """As ``threading.Thread.run``."""
        if self._variables is None:
            super().run()
        else:
            self._variables.run(super().run)
