"""Delivers finished spans to an exporter from one background thread: in batches, with retries, in bounded memory."""

import os
import random
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from opentelemetry import context as otel_context
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import TraceFlags

from agentsight_otel import context
from agentsight_otel._guard import guard, say, swallow
from agentsight_otel.batches import ALREADY_SHUTDOWN, QUEUE_FULL, REASONS, REFUSED, UNSENT, Backlog, Batch, Counts
from agentsight_otel.export_errors import (
    DoubtfulExportError,
    PartlyRefusedError,
    PermanentExportError,
    RequestTooLargeError,
    RetryLaterError,
    UnencodableSpanError,
)
from agentsight_otel.span_edits import cut, encodable
from agentsight_otel.span_sizes import memory_bytes, resource_wire_bytes, wire_bytes

_FIRST_RETRY_S = 0.5
_LONGEST_RETRY_S = 30.0
_LONGEST_RETRY_AFTER_S = 300.0
_CLOSING_RETRY_S = 1.0
_DOUBTS = 5
_PROBE_SPANS = 64
_SMALLEST_CUT_BYTES = 16_384
_LOOKED_AT_ONCE = 512
_UNSEEN_BYTES = 131_072
_USUAL_BYTES = 3_072


_processors: "weakref.WeakSet[DeliveryProcessor]" = weakref.WeakSet()


def _start_anew_in_child() -> None:
    for processor in list(_processors):
        with guard("starting anew after a fork"):
            processor.start_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew_in_child)


class DeliveryProcessor(SpanProcessor):
    """A span processor that loses nothing quietly.

    A batch that fails is sent again, with growing pauses, until it is taken; meanwhile at most ``max_queue_spans`` and
    about ``max_queue_bytes`` wait. What finds no room, or is refused for good, is dropped, counted and said.
    Fork-safe: a child starts with an empty queue, and the parent sends what the parent queued.

    Args:
        exporter: Gets the batches, one at a time. What it may raise is in ``export_errors``.
        max_queue_spans: Finished spans waiting or being sent.
        max_queue_bytes: Their size in memory, estimated.
        max_batch_spans: The most spans in one call of the exporter.
        max_batch_bytes: The most bytes in one call, as OTLP; a larger single span is cut.
        schedule_delay_s: How long a span waits for company, in seconds.
        shutdown_timeout_s: How long ``shutdown`` tries to send the rest, in seconds.
        prepare: What is done to each span in the background before it leaves; must not raise.
        backlog: Where spans go that are undelivered at shutdown, and come from at the next start.
        on_attempt: Told of every attempt: its seconds, and its error or None.
    """

    def __init__(
        self,
        exporter: SpanExporter,
        *,
        max_queue_spans: int = 50_000,
        max_queue_bytes: int = 134_217_728,
        max_batch_spans: int = 5_000,
        max_batch_bytes: int = 3_670_016,
        schedule_delay_s: float = 1.0,
        shutdown_timeout_s: float = 15.0,
        prepare: Callable[[ReadableSpan], ReadableSpan] | None = None,
        backlog: Backlog | None = None,
        on_attempt: Callable[[float, BaseException | None], None] | None = None,
    ) -> None:
        self._exporter = exporter
        self._max_queue_spans = max_queue_spans
        self._max_queue_bytes = max_queue_bytes
        self._most_unseen = max_queue_bytes // _UNSEEN_BYTES
        self._max_batch_spans = max_batch_spans
        self._max_batch_bytes = max_batch_bytes
        self._schedule_delay_s = schedule_delay_s
        self._shutdown_timeout_s = shutdown_timeout_s
        self._prepare = prepare
        self._backlog = backlog
        self._on_attempt = on_attempt
        self._closed = False
        self._reset()
        _processors.add(self)

    def _reset(self) -> None:
        # Reentrant: a span may end in a finalizer or a signal handler that interrupts us in here.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        # As they came, with what is taken for their size in memory until it is known.
        self._arrived: deque[tuple[ReadableSpan, int]] = deque()
        # Prepared, with their bytes on the wire and in memory.
        self._queue: deque[tuple[ReadableSpan, int, int]] = deque()
        self._due: float | None = None  # of the oldest of them
        self._in_hand: deque[Batch] = deque()  # taken from the queue or the backlog, not settled yet
        self._queued_spans = 0  # waiting and being sent
        self._queued_bytes = 0
        self._accepted = 0
        self._counts = Counts()
        self._dropped_told = 0  # to callers of flush
        self._flush_until = 0  # everything accepted up to here is wanted now
        self._deadline: float | None = None  # of the shutdown
        self._retry_s = 0.0  # 0: the last attempt did not fail
        self._failing_since = 0.0
        self._backlog_is_empty = self._backlog is None
        self._thread: threading.Thread | None = None

    def start_anew(self) -> None:
        """For a forked child: nothing is queued, and no thread of the parent's runs here."""
        self._reset()
        if callable(anew := getattr(self._exporter, "start_anew", None)):
            anew()

    @property
    def counts(self) -> Counts:
        """What has become of the spans so far, counted on in place; another one in a forked child."""
        return self._counts

    @property
    def closed(self) -> bool:
        """Whether ``shutdown`` was called."""
        return self._closed

    @property
    def accepted(self) -> int:
        """Spans that were queued, ever."""
        return self._accepted

    @property
    def exported(self) -> int:
        """Spans that the exporter took."""
        return self._counts.exported

    @property
    def recovered(self) -> int:
        """Spans of an earlier process, out of the backlog, that the exporter took."""
        return self._counts.recovered

    @property
    def kept(self) -> int:
        """Spans that went into the backlog at shutdown."""
        return self._counts.kept

    @property
    def dropped(self) -> int:
        """Spans lost, for any reason."""
        return sum(self._counts.dropped.values())

    @property
    def dropped_by_reason(self) -> dict[str, int]:
        """Spans lost: ``QUEUE_FULL``, ``REFUSED``, ``UNSENT``, ``ALREADY_SHUTDOWN``."""
        return dict(self._counts.dropped)

    @property
    def queued(self) -> int:
        """Spans waiting or being sent."""
        return self._queued_spans

    @property
    def capacity(self) -> int:
        """The most spans that may wait or be sent."""
        return self._max_queue_spans

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing."""

    def on_end(self, span: ReadableSpan) -> None:
        """Queues a sampled span. Never raises, never waits for the backend."""
        try:
            ids = span.context
            if ids is None or not ids.trace_flags & TraceFlags.SAMPLED:
                return
            size = _USUAL_BYTES
            if len(self._arrived) >= self._most_unseen:  # the background thread is busy, or stuck in the exporter
                size = memory_bytes(span, wire_bytes(span))
            refused = None
            with self._lock:  # which is that of _changed, and cheaper to take by itself
                if self._closed:
                    refused = ALREADY_SHUTDOWN
                elif self._queued_spans >= self._max_queue_spans or (
                    self._queued_spans and self._queued_bytes + size > self._max_queue_bytes
                ):
                    refused = QUEUE_FULL
                else:
                    self._queued_spans += 1
                    self._queued_bytes += size
                    self._accepted += 1
                    self._arrived.append((span, size))
                    unseen = len(self._arrived)
                    full = unseen == _LOOKED_AT_ONCE or unseen + len(self._queue) == self._max_batch_spans
                    if unseen == 1 or full:
                        self._wake()
            if refused is not None:
                self._drop(1, refused)
        except Exception as error:
            swallow("queueing a span", error)

    def send_backlog(self) -> None:
        """Starts delivering what an earlier process left in the backlog, without waiting for the first span."""
        with self._changed:
            if not self._backlog_is_empty:
                self._wake()

    def _wake(self) -> None:
        self._changed.notify_all()
        if self._thread is None or not self._thread.is_alive():
            thread = threading.Thread(target=self._run, name="agentsight-delivery", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the interpreter is shutting down; shutdown() delivers in its own thread
                return
            self._thread = thread

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Sends what is queued now, without waiting for more.

        Returns:
            True if all that was recorded since the last flush was taken by the backend in time; False if some of it
            was not, or was dropped.
        """
        deadline = time.monotonic() + timeout_millis / 1_000
        with self._changed:
            wanted = self._accepted
            self._flush_until = max(self._flush_until, wanted)
            if self._queued_spans:
                self._wake()
            while self._accepted - self._queued_spans < wanted:
                left = deadline - time.monotonic()
                if left <= 0 or self._thread is None or not self._thread.is_alive():
                    return False
                self._changed.wait(left)
            told, self._dropped_told = self._dropped_told, self.dropped
            return self._counts.kept == 0 and self._dropped_told == told

    def shutdown(self) -> None:
        """Sends the rest, within ``shutdown_timeout_s``; what is left goes to the backlog, or is dropped and counted.

        With a backlog it does not wait for a backend that is away. Closes the exporter.
        """
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._deadline = time.monotonic() + self._shutdown_timeout_s
            thread = self._thread
            self._changed.notify_all()
        if thread is threading.current_thread():
            thread = None  # an exporter shuts us down: what it has in hand is all that can still be sent
        elif thread is not None and thread.is_alive():
            thread.join(self._shutdown_timeout_s)
        elif self._queued_spans:
            self._run()
        with guard("closing the exporter"):
            self._exporter.shutdown()
        if thread is not None:
            thread.join(0.5)  # closing may have ended an attempt, and with it the doubt whether it arrived
        self._give_up()

    def _give_up(self) -> None:
        with self._changed:
            left = [span for batch in self._in_hand if batch.ticket is None for span in batch.spans]
            tickets = {id(batch.ticket): batch.ticket for batch in self._in_hand if batch.ticket is not None}
            left += [span for span, _, _ in self._queue]
            unseen = [span for span, _ in self._arrived]
            left += unseen if self._backlog is None else [self._prepared(span)[0] for span in unseen]
            self._in_hand.clear()
            self._queue.clear()
            self._arrived.clear()
            self._queued_spans = self._queued_bytes = 0
            self._changed.notify_all()
        for ticket in tickets.values():
            with guard("leaving spans in the backlog"):
                ticket.release()
        if left:
            if self._backlog is not None:
                with guard("keeping undelivered spans"):
                    self._counts.kept += self._backlog.keep(left)
            self._drop(len(left) - self._counts.kept, UNSENT)

    def _drop(self, spans: int, reason: str, detail: object = "") -> None:
        if spans:
            with self._changed:
                self._counts.dropped[reason] += spans
                total = self.dropped
            # Not under the lock: the application's logging handlers may end spans themselves.
            why = f"{REASONS[reason]}: {detail}" if detail else REASONS[reason]
            say(f"dropped: {reason}", f"{spans} span(s) dropped, {total} in all: {why}")

    # -- the background thread -----------------------------------------------------------------------------------

    def _run(self) -> None:
        token = context.attach(otel_context.set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
        try:
            while self._work():
                pass
        finally:
            context.detach(token)
            with self._changed:
                self._changed.notify_all()

    def _work(self) -> bool:
        """One step: a batch taken, or an attempt made; False when there is nothing more to do."""
        try:
            if not self._in_hand:
                self._wait()
                self._look()
                if self._queue:
                    if self._is_time():
                        self._take_queued()
                elif self._backlog_is_empty or self._closed:
                    return not self._closed
                else:
                    self._take_kept()
                return True
            return self._attempt(self._in_hand[0])
        except BaseException as error:  # a thread that dies would leave the queue to fill up
            say("delivery", "agentsight_otel failed while delivering spans; it tries again", error=error)
            return not self._pause(_FIRST_RETRY_S)

    def _wait(self) -> None:
        """Until there is something to look at or to take, or the shutdown."""
        with self._changed:
            while not self._queue and not self._arrived and self._backlog_is_empty and not self._closed:
                self._changed.wait()
            if self._due is None:
                self._due = time.monotonic() + self._schedule_delay_s
            while (self._queue or self._arrived) and len(self._arrived) < _LOOKED_AT_ONCE and not self._is_time():
                self._changed.wait(max(self._due - time.monotonic(), 0.0))

    def _is_time(self) -> bool:
        """Whether the next batch is full, due, or asked for."""
        return (
            self._closed
            or len(self._queue) + len(self._arrived) >= self._max_batch_spans
            or self._accepted - self._queued_spans < self._flush_until
            or self._due is None
            or self._due <= time.monotonic()
        )

    def _look(self) -> None:
        """Prepares and measures what has arrived. Only this thread takes from there."""
        seen: list[tuple[ReadableSpan, int, int]] = []
        problems: list[str] = []
        count = change = 0
        with suppress(IndexError):  # given up meanwhile
            for count in range(1, len(self._arrived) + 1):
                span, taken_for = self._arrived[count - 1]
                change -= taken_for
                try:
                    span, wire = self._prepared(span)
                    memory = memory_bytes(span, wire)
                except Exception as error:
                    problems.append(f"it cannot be prepared: {type(error).__name__}: {error}")
                else:
                    change += memory
                    seen.append((span, wire, memory))
        with self._changed:
            if len(self._arrived) < count:
                return
            for _ in range(count):
                self._arrived.popleft()
            self._queue += seen
            self._queued_spans -= len(problems)
            self._queued_bytes += change
        for problem in problems:
            self._drop(1, REFUSED, problem)

    def _take_queued(self) -> None:
        """Moves the first spans of the queue into one batch."""
        batch = Batch([], 0)
        size = 0
        resource = None
        with self._changed:
            while self._queue and len(batch.spans) < self._max_batch_spans:
                span, wire, memory = self._queue[0]
                size += wire
                if span.resource is not resource:
                    resource = span.resource
                    size += resource_wire_bytes(resource)
                if batch.spans and size > self._max_batch_bytes:
                    break
                self._queue.popleft()
                batch.spans.append(span)
                batch.memory += memory
            self._due = None
            if batch.spans:
                self._counts.submitted += len(batch.spans)
                self._in_hand.append(batch)

    def _take_kept(self) -> None:
        assert self._backlog is not None
        ticket = self._backlog.take()
        if ticket is None:
            self._backlog_is_empty = True
        elif ticket.spans:
            self._in_hand.append(Batch(ticket.spans, 0, ticket=ticket))
        else:
            ticket.done(0)

    def _prepared(self, span: ReadableSpan) -> tuple[ReadableSpan, int]:
        """A span as it may leave, and its bytes on the wire."""
        if self._prepare is not None:
            span = self._prepare(span)
        wire = wire_bytes(span)
        if wire > self._max_batch_bytes:
            span = cut(span, self._max_batch_bytes)
            wire = wire_bytes(span)
        return span, wire

    def _attempt(self, batch: Batch) -> bool:
        """Sends a batch; what comes of it is settled, split, or waits. False at the end of the shutdown's time."""
        error = self._export(batch.spans)
        if error is None:
            self._settle(batch)
        elif isinstance(error, PartlyRefusedError):
            self._settle(batch, min(error.refused, len(batch.spans)), error)
        elif isinstance(error, PermanentExportError) and not self._may_pass(batch, error):
            self._narrow_down(batch, error)
        else:
            return self._postpone(batch, error)
        return True

    def _export(self, spans: list[ReadableSpan]) -> BaseException | None:
        began = time.perf_counter()
        error: BaseException | None = None
        try:
            if self._exporter.export(spans) is not SpanExportResult.SUCCESS:
                error = ConnectionError("the exporter reported a failure")
        except BaseException as raised:  # an exporter's SystemExit ends an attempt, not the thread
            error = raised
        if self._on_attempt is not None:
            with guard("measuring an export"):
                self._on_attempt(time.perf_counter() - began, error)
        return error

    def _settle(self, batch: Batch, refused: int = 0, error: object = "") -> None:
        """The backend has decided on a batch."""
        taken = len(batch.spans) - refused
        with self._changed:
            if not self._in_hand or self._in_hand[0] is not batch:
                return  # given up meanwhile, by a shutdown that could not wait for us
            self._in_hand.popleft()
            if batch.ticket is None:
                self._counts.exported += taken
                self._queued_spans -= len(batch.spans)
                self._queued_bytes -= batch.memory
            else:
                self._counts.recovered += taken
            self._changed.notify_all()
        if batch.ticket is not None:
            with guard("clearing the backlog"):
                batch.ticket.done(len(batch.spans))
        self._drop(refused, REFUSED, error)
        if taken and self._retry_s:
            say("delivering again", f"delivering again after {time.monotonic() - self._failing_since:.0f} s", level=20)
            self._retry_s = 0.0

    def _may_pass(self, batch: Batch, error: PermanentExportError) -> bool:
        """Whether a failure that may lie in the spans is still put down to the backend."""
        batch.doubts += isinstance(error, DoubtfulExportError)
        return isinstance(error, DoubtfulExportError) and batch.doubts <= _DOUBTS

    def _narrow_down(self, batch: Batch, error: PermanentExportError) -> None:
        """Halves a batch that was refused; mends or shortens a single span, and in the end drops it."""
        if len(batch.spans) > 1:
            self._replace(batch, *batch.split(len(batch.spans) // 2))
            return
        span = batch.spans[0]
        if isinstance(error, UnencodableSpanError) and not batch.mended:
            self._replace(batch, Batch([encodable(span)], batch.memory, mended=True, ticket=batch.ticket))
        elif isinstance(error, RequestTooLargeError) and (size := wire_bytes(span)) > _SMALLEST_CUT_BYTES:
            self._replace(batch, Batch([cut(span, size // 2)], batch.memory, ticket=batch.ticket))
        else:
            self._settle(batch, 1, error)

    def _replace(self, batch: Batch, *parts: Batch) -> None:
        with self._changed:
            if self._in_hand and self._in_hand[0] is batch:
                self._in_hand.popleft()
                self._in_hand.extendleft(reversed(parts))

    def _postpone(self, batch: Batch, error: BaseException) -> bool:
        """Waits for the next attempt. While the backend is away, a few spans try whether it is back."""
        now = time.monotonic()
        if not self._retry_s:
            self._failing_since = now
        self._retry_s = min(max(self._retry_s * 2, _FIRST_RETRY_S), _LONGEST_RETRY_S)
        pause_s = self._retry_s * random.uniform(0.75, 1.25)
        asked_s = error.after_s if isinstance(error, RetryLaterError) else None
        if asked_s is not None:
            pause_s = min(max(asked_s, pause_s), _LONGEST_RETRY_AFTER_S)
        if self._deadline is not None:
            pause_s = min(pause_s, _CLOSING_RETRY_S)
            if self._backlog is not None or now + pause_s > self._deadline:
                return False
        say(
            "export failed",
            f"{self._queued_spans} span(s) not delivered yet, {self.dropped} dropped; trying again:"
            f" {type(error).__name__}: {error}",
        )
        if len(batch.spans) > _PROBE_SPANS:
            self._replace(batch, *batch.split(_PROBE_SPANS))
        self._pause(pause_s, obey=asked_s is not None)
        return True

    def _pause(self, seconds: float, *, obey: bool = False) -> bool:
        """Waits for the next attempt; a shutdown, or a flush unless the backend asked for the pause, cuts it short.

        Returns:
            Whether it was a shutdown.
        """
        until = time.monotonic() + seconds
        closed, flush_until = self._closed, self._flush_until
        while True:
            if len(self._arrived) >= _LOOKED_AT_ONCE:
                self._look()
            with self._changed:
                left = until - time.monotonic()
                if left <= 0 or self._closed != closed or (self._flush_until != flush_until and not obey):
                    return self._closed
                if len(self._arrived) < _LOOKED_AT_ONCE:
                    self._changed.wait(left)
