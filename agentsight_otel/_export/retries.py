"""The background thread of delivery: takes batches, sends them, and decides what happens after a failure."""

import time
from collections.abc import Callable

from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from agentsight_otel._core.clock import steady_s
from agentsight_otel._core.guard import guard, say
from agentsight_otel._core.otel_context import suppressed_instrumentation
from agentsight_otel._core.randomness import numbers
from agentsight_otel._core.threads import Bell
from agentsight_otel._export.batches import LOSSES, REFUSED, Backlog, Batch
from agentsight_otel._export.errors import (
    DoubtfulExportError,
    NoReceiverError,
    PartlyRefusedError,
    PermanentExportError,
    RequestTooLargeError,
    RetryLaterError,
    UnencodableSpanError,
    described,
)
from agentsight_otel._export.queue import PREPARED_AT_ONCE, SpanQueue
from agentsight_otel._export.span_edits import cut, encodable
from agentsight_otel._export.span_sizes import wire_bytes

_FIRST_RETRY_S = 0.5
_LONGEST_RETRY_S = 30.0
_LONGEST_RETRY_AFTER_S = 300.0
_CLOSING_RETRY_S = 1.0
_CLOSING_WITHOUT_RECEIVER_S = 3.0
_DOUBTS = 5
_PROBE_SPANS = 64
_SMALLEST_CUT_BYTES = 16_384


class Sender:
    """The work of the background thread, and the calls that steer it.

    Attributes:
        failure: Why the last attempt failed; None if it did not.
        tell: Called whenever the backend has taken or refused spans.

    Args:
        exporter: Gets the batches, one at a time. Its errors are those of ``errors``.
        queue: The queue of waiting spans.
        schedule_delay_s: How long a span waits for others to be sent with it, in seconds.
        backlog: The store of spans of an earlier process; None for none.
        on_attempt: Called after every attempt with its seconds, and its error or None.
        tell: Called whenever the backend has taken or refused spans.
    """

    def __init__(
        self,
        exporter: SpanExporter,
        queue: SpanQueue,
        *,
        schedule_delay_s: float,
        backlog: Backlog | None,
        on_attempt: Callable[[float, BaseException | None], None] | None,
        tell: Callable[[], None],
    ) -> None:
        self._exporter = exporter
        self._queue = queue
        self._schedule_delay_s = schedule_delay_s
        self._backlog = backlog
        self._on_attempt = on_attempt
        self.tell = tell
        self.start_anew()

    def start_anew(self) -> None:
        """Resets the state in a forked child, where nothing is being sent."""
        self._bell = Bell()
        self._due_s: float | None = None  # of the oldest span that waits
        self._flush_until = 0  # everything accepted up to here is wanted now
        self._deadline_s: float | None = None  # of the shutdown
        self._closing_since_s = 0.0
        self._retry_s = 0.0  # 0: the last attempt did not fail
        self._failing_since_s = 0.0
        self._ever_delivered = False
        self._has_taken_kept = False
        self.failure: BaseException | None = None
        self.backlog_is_empty = self._backlog is None

    def wake(self) -> None:
        """Wakes the thread, because something has changed."""
        self._bell.ring()

    def flush(self, accepted: int) -> None:
        """Sends all spans accepted up to this number without waiting for others."""
        self._flush_until = max(self._flush_until, accepted)
        self._bell.ring()

    def close(self, timeout_s: float) -> None:
        """Begins the shutdown: the rest is sent within so many seconds, or lost."""
        self._closing_since_s = steady_s()
        self._deadline_s = self._closing_since_s + timeout_s
        self._bell.ring()

    def run(self) -> None:
        """Works until the queue is closed and empty, or the shutdown's deadline has passed."""
        with suppressed_instrumentation():
            try:
                while self._work():
                    pass
            finally:
                self.tell()

    def _work(self) -> bool:
        """One step: a batch taken, or an attempt made; False when there is nothing more to do."""
        try:
            if (batch := self._queue.current) is not None:
                return self._attempt(batch)
            self._wait()
            self._prepare_arrived()
            if self._queue.has_prepared:
                if self._is_time():
                    self._queue.take_batch()
                    self._due_s = None
            elif self.backlog_is_empty or (self._queue.closed and self._has_taken_kept):
                return not self._queue.closed
            else:
                self._take_kept()
            return True
        except BaseException as error:  # the thread must not die, or the queue would fill up
            say("delivery", "agentsight_otel failed while delivering spans; it tries again", error=error)
            return not self._pause(_FIRST_RETRY_S)

    def _wait(self) -> None:
        """Waits until something has changed, the next batch is due, or the shutdown begins."""
        queue = self._queue
        while not queue.unsent and self.backlog_is_empty and not queue.closed:
            self._bell.wait(float("inf"))
        if self._due_s is None:
            self._due_s = steady_s() + self._schedule_delay_s
        while queue.unsent and queue.unprepared < PREPARED_AT_ONCE and not self._is_time():
            self._bell.wait(self._due_s - steady_s())

    def _is_time(self) -> bool:
        """Whether the next batch is full, due, or wanted by a flush."""
        queue = self._queue
        return (
            queue.closed
            or queue.has_full_batch
            or queue.decided < self._flush_until
            or self._due_s is None
            or self._due_s <= steady_s()
        )

    def _prepare_arrived(self) -> None:
        for problem in self._queue.prepare_arrived():
            self.lose(1, REFUSED, problem)
            self.tell()

    def _take_kept(self) -> None:
        assert self._backlog is not None
        # At least one stored batch, also in a process that ends at once; the others may wait for the next process.
        self._has_taken_kept = True
        ticket = self._backlog.take()
        if ticket is None:
            self.backlog_is_empty = True
        elif ticket.spans:
            self._queue.take_kept(ticket)
        else:
            ticket.done(0)

    def lose(self, spans: int, reason: str, error: object = "") -> None:
        """Counts spans as lost, and logs that, with what to do about it.

        Args:
            spans: The number of spans.
            reason: A key of ``batches.LOSSES``.
            error: The error that caused it; '' for none.
        """
        if not spans:
            return
        self._queue.count_lost(spans, reason)
        loss = LOSSES[reason]
        why = f"{loss.why}: {described(error)}" if error else loss.why
        remedy = getattr(error, "remedy", "") or loss.remedy
        say(f"lost: {reason}", f"{spans} span(s) lost, {self._queue.dropped} in all: {why}. {remedy}")

    def _attempt(self, batch: Batch) -> bool:
        """Sends a batch, which is then settled, split or postponed. False once the shutdown's deadline has passed."""
        error = self._export(batch)
        if error is None:
            self._settle(batch)
        elif isinstance(error, PartlyRefusedError):
            self._settle(batch, min(error.refused, len(batch.spans)), error)
        elif isinstance(error, PermanentExportError) and not self._may_pass(batch, error):
            self._narrow_down(batch, error)
        else:
            return self._postpone(batch, error)
        return True

    def _export(self, batch: Batch) -> BaseException | None:
        began = time.perf_counter()
        error: BaseException | None = None
        try:
            if self._exporter.export(batch.spans) is not SpanExportResult.SUCCESS:
                error = ConnectionError("the exporter reported a failure")
        except BaseException as raised:  # an exporter's SystemExit ends the attempt, but not the thread
            error = raised
        if self._on_attempt is not None:
            with guard("measuring an export"):
                self._on_attempt(time.perf_counter() - began, error)
        self.failure = error
        return error

    def _settle(self, batch: Batch, refused: int = 0, error: object = "") -> None:
        """Counts a batch that the backend has taken or refused, and frees its memory."""
        taken = len(batch.spans) - refused
        if not self._queue.settle(batch, taken):
            return
        if batch.ticket is not None:
            with guard("clearing the backlog"):
                batch.ticket.done(len(batch.spans))
        self.lose(refused, REFUSED, error)
        self.tell()
        if taken:
            self._ever_delivered = True
            if self._retry_s:
                failing_s = steady_s() - self._failing_since_s
                say("delivering again", f"delivering again after {failing_s:.0f} s", level=20)
                self._retry_s = 0.0

    def _may_pass(self, batch: Batch, error: PermanentExportError) -> bool:
        """Whether a failure that may lie in the spans is still attributed to the backend, and the batch tried again."""
        batch.doubts += isinstance(error, DoubtfulExportError)
        return isinstance(error, DoubtfulExportError) and batch.doubts <= _DOUBTS

    def _narrow_down(self, batch: Batch, error: PermanentExportError) -> None:
        """Halves a batch that was refused; mends or shortens a single span, and in the end drops it."""
        if len(batch.spans) > 1:
            self._queue.replace(batch, *batch.split(len(batch.spans) // 2))
            return
        span = batch.spans[0]
        if isinstance(error, UnencodableSpanError) and not batch.mended:
            self._queue.replace(batch, Batch([encodable(span)], batch.memory, mended=True, ticket=batch.ticket))
        elif isinstance(error, RequestTooLargeError) and (size := wire_bytes(span)) > _SMALLEST_CUT_BYTES:
            self._queue.replace(batch, Batch([cut(span, size // 2)], batch.memory, ticket=batch.ticket))
        else:
            self._settle(batch, 1, error)

    def _postpone(self, batch: Batch, error: BaseException) -> bool:
        """Waits for the next attempt; while the backend is away, that is made with a few spans."""
        now_s = steady_s()
        if not self._retry_s:
            self._failing_since_s = now_s
        self._retry_s = min(max(self._retry_s * 2, _FIRST_RETRY_S), _LONGEST_RETRY_S)
        pause_s = self._retry_s * numbers.uniform(0.75, 1.25)
        asked_s = error.after_s if isinstance(error, RetryLaterError) else None
        if asked_s is not None:
            pause_s = min(max(asked_s, pause_s), _LONGEST_RETRY_AFTER_S)
        if self._deadline_s is not None:
            pause_s = min(pause_s, _CLOSING_RETRY_S)
            deadline_s = self._deadline_s
            if isinstance(error, NoReceiverError) and not self._ever_delivered:
                # Most likely no receiver was ever started, and a first try of the package must not be slow to end.
                deadline_s = min(deadline_s, self._closing_since_s + _CLOSING_WITHOUT_RECEIVER_S)
            if self._backlog is not None or now_s + pause_s > deadline_s:
                return False
        else:  # during the shutdown only losses are logged
            remedy = getattr(error, "remedy", "") or "If that lasts, look at the receiver and at what stands before it."
            say(
                "export failed",
                f"{self._queue.waiting} span(s) not delivered yet, {self._queue.dropped} lost; trying again:"
                f" {described(error)}. {remedy}",
            )
        if len(batch.spans) > _PROBE_SPANS:
            self._queue.replace(batch, *batch.split(_PROBE_SPANS))
        self._pause(pause_s, obey=asked_s is not None)
        return True

    def _pause(self, seconds: float, *, obey: bool = False) -> bool:
        """Waits for the next attempt; a shutdown, or a flush unless the backend asked for the pause, cuts it short.

        Returns:
            Whether it was a shutdown.
        """
        until_s = steady_s() + seconds
        closed, flush_until = self._queue.closed, self._flush_until
        while True:
            if self._queue.unprepared >= PREPARED_AT_ONCE:
                self._prepare_arrived()
            left_s = until_s - steady_s()
            if left_s <= 0 or self._queue.closed != closed or (self._flush_until != flush_until and not obey):
                return self._queue.closed
            self._bell.wait(left_s)
