"""The process's state: what ``init()`` set up, until ``shutdown()`` takes it down. One object; ``setup`` changes it."""

from collections.abc import Callable
from dataclasses import dataclass

from agentsight_otel._core.locks import new_lock
from agentsight_otel._export.delivery import DeliveryProcessor
from agentsight_otel._lifecycle.exits import Watch
from agentsight_otel._tracing.provider import Pipeline


@dataclass(frozen=True)
class Started:
    """What ``init()`` set up.

    Attributes:
        pipeline: The tracer provider and span processors, up to the delivery.
        delivery: Sends spans to our exporter; None where only the application's provider exports, or nothing does.
        watch: Delivers the last spans when the process ends.
    """

    pipeline: Pipeline
    delivery: DeliveryProcessor | None
    watch: Watch


class ProcessState:
    """What exists once in a process.

    All locks are reentrant, because a signal handler that shuts down may interrupt ``init()`` or ``shutdown()``, and
    free in a forked child. What else a child renews is registered where it lives, with ``_core.process``.

    Attributes:
        lock: Held while the state changes.
        starting: Held while recording starts by itself, as the environment says, without ``init()``.
        stopping: Held during a whole shutdown: a second caller waits for the first.
        started: What ``init()`` set up; None before ``init()`` and after ``shutdown()``.
        is_starting: Whether ``init()`` is running.
        asked: Whether it was decided already whether to record: recording then no longer starts by itself.
        before_shutdown: Actions that run at the beginning of every shutdown.
    """

    def __init__(self) -> None:
        self.lock = new_lock()
        self.starting = new_lock()
        self.stopping = new_lock()
        self.started: Started | None = None
        self.is_starting = False
        self.asked = False
        self.before_shutdown: list[Callable[[], object]] = []


state = ProcessState()
"""The state of this process."""
