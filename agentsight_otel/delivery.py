"""Delivers finished spans to an exporter from one background thread: in batches, with retries, in bounded memory."""

import os
import random
import threading
import time
import weakref
from collections import deque
from collections.abc import Sequence
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from agentsight_otel._guard import guard, say

_SPAN_BYTES = 1_000
_EVENT_BYTES = 300
_ATTRIBUTE_BYTES = 100
_FIRST_RETRY_S = 0.5
_LONGEST_RETRY_S = 30.0


class PermanentExportError(Exception):
    """The backend will never take this batch as it is; raised by exporters. The batch is halved to find the culprit."""


class DeliveryProcessor(SpanProcessor):
    """A span processor that loses nothing quietly.

    A batch that fails is sent again, with growing pauses, until it is taken; meanwhile at most ``max_queue_spans`` and
    about ``max_queue_bytes`` wait. What finds no room, or is refused for good, is dropped, counted and said.
    Fork-safe: a child starts with an empty queue, and the parent sends what the parent queued.

    Args:
        exporter: Gets the batches, one at a time.
        max_queue_spans: Finished spans waiting or being sent.
        max_queue_bytes: Their size in memory, estimated.
        max_batch_spans: The most spans in one call of the exporter.
        max_batch_bytes: The most bytes, estimated; a larger single span goes alone.
        schedule_delay_s: How long a span waits for company, in seconds.
        shutdown_timeout_s: How long ``shutdown`` tries to send the rest, in seconds.
    """

    def __init__(
        self,
        exporter: SpanExporter,
        *,
        max_queue_spans: int = 50_000,
        max_queue_bytes: int = 67_108_864,
        max_batch_spans: int = 5_000,
        max_batch_bytes: int = 8_388_608,
        schedule_delay_s: float = 1.0,
        shutdown_timeout_s: float = 15.0,
    ) -> None:
        self._exporter = exporter
        self._max_queue_spans = max_queue_spans
        self._max_queue_bytes = max_queue_bytes
        self._max_batch_spans = max_batch_spans
        self._max_batch_bytes = max_batch_bytes
        self._schedule_delay_s = schedule_delay_s
        self._shutdown_timeout_s = shutdown_timeout_s
        self._start_anew()
        if hasattr(os, "register_at_fork"):
            itself = weakref.ref(self)

            def start_anew_in_child() -> None:
                if (processor := itself()) is not None:
                    processor._start_anew()

            os.register_at_fork(after_in_child=start_anew_in_child)

    def _start_anew(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._queue: deque[tuple[ReadableSpan, int]] = deque()
        self._queued_spans = 0  # waiting and being sent
        self._queued_bytes = 0
        self._accepted = 0
        self._exported = 0
        self._dropped = 0
        self._flush_until = 0  # everything accepted up to here is wanted now
        self._closed = False
        self._deadline: float | None = None  # of the shutdown
        self._thread: threading.Thread | None = None

    @property
    def exported(self) -> int:
        """Spans that the exporter took."""
        return self._exported

    @property
    def dropped(self) -> int:
        """Spans lost: no room, refused for good, or unsent at shutdown."""
        return self._dropped

    @property
    def queued(self) -> int:
        """Spans waiting or being sent."""
        return self._queued_spans

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing."""

    def on_end(self, span: ReadableSpan) -> None:
        """Queues a sampled span. Never raises, never waits for the backend."""
        with guard("queueing a span"):
            if span.context is None or not span.context.trace_flags.sampled:
                return
            size = _estimated_bytes(span)
            with self._changed:
                if self._closed:
                    self._drop(1, "after shutdown")
                    return
                full = self._queued_spans >= self._max_queue_spans
                if full or (self._queued_spans and self._queued_bytes + size > self._max_queue_bytes):
                    self._drop(1, "the queue is full: the backend is away or slower than the spans come")
                    return
                self._queue.append((span, size))
                self._queued_spans += 1
                self._queued_bytes += size
                self._accepted += 1
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="agentsight-delivery", daemon=True)
                    self._thread.start()
                    self._changed.notify_all()
                elif len(self._queue) in (1, self._max_batch_spans):
                    self._changed.notify_all()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Sends what is queued now, without waiting for more.

        Returns:
            True if all of it was taken by the exporter in time; False if some was not, or was dropped.
        """
        deadline = time.monotonic() + timeout_millis / 1_000
        with self._changed:
            wanted = self._accepted
            dropped_before = self._dropped
            self._flush_until = max(self._flush_until, wanted)
            self._changed.notify_all()
            while self._accepted - self._queued_spans < wanted:
                left = deadline - time.monotonic()
                if left <= 0 or self._thread is None:
                    return False
                self._changed.wait(left)
            return self._dropped == dropped_before

    def shutdown(self) -> None:
        """Sends the rest, within ``shutdown_timeout_s``; drops and counts what is left, closes the exporter."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._deadline = time.monotonic() + self._shutdown_timeout_s
            thread = self._thread
            self._changed.notify_all()
        if thread is not None:
            thread.join(self._shutdown_timeout_s + 1)
        with guard("closing the exporter"):
            self._exporter.shutdown()
        with self._changed:
            left = self._queued_spans
            if left:
                self._queue.clear()
                self._queued_spans = self._queued_bytes = 0
                self._drop(left, f"unsent after {self._shutdown_timeout_s:g} s of shutdown")

    def _drop(self, spans: int, reason: str) -> None:
        self._dropped += spans
        say(f"dropped: {reason}", f"{spans} span(s) dropped, {self._dropped} in all: {reason}")

    def _run(self) -> None:
        otel_context.attach(otel_context.set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
        while (batch := self._next_batch()) is not None:
            try:
                self._deliver([span for span, _ in batch])
            finally:
                with self._changed:
                    if self._queued_spans:  # 0 after a shutdown that could not wait for us
                        self._queued_spans -= len(batch)
                        self._queued_bytes -= sum(size for _, size in batch)
                    self._changed.notify_all()

    def _next_batch(self) -> list[tuple[ReadableSpan, int]] | None:
        with self._changed:
            while not self._queue:
                if self._closed:
                    return None
                self._changed.wait()
            due = time.monotonic() + self._schedule_delay_s
            while len(self._queue) < self._max_batch_spans and not self._wanted_now():
                left = due - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            batch: list[tuple[ReadableSpan, int]] = []
            size = 0
            while self._queue and len(batch) < self._max_batch_spans:
                if batch and size + self._queue[0][1] > self._max_batch_bytes:
                    break
                batch.append(self._queue.popleft())
                size += batch[-1][1]
            return batch

    def _wanted_now(self) -> bool:
        return self._closed or self._accepted - self._queued_spans < self._flush_until

    def _deliver(self, spans: Sequence[ReadableSpan]) -> None:
        """Sends spans until they are taken, refused for good, or the shutdown's time is over."""
        retry_s = _FIRST_RETRY_S
        while True:
            try:
                if self._exporter.export(spans) is SpanExportResult.SUCCESS:
                    with self._changed:
                        self._exported += len(spans)
                    return
                problem = "the exporter reported a failure"
            except PermanentExportError as error:
                self._halve(spans, error)
                return
            except Exception as error:
                problem = f"{type(error).__name__}: {error}"
            with self._changed:
                if self._deadline is not None and time.monotonic() + retry_s > self._deadline:
                    if self._queued_spans:
                        self._drop(len(spans), f"unsent at shutdown: {problem}")
                    return
            say("export failed", f"{len(spans)} span(s) not delivered yet, trying again: {problem}")
            self._pause(retry_s * random.uniform(0.75, 1.25))
            retry_s = min(retry_s * 2, _LONGEST_RETRY_S)

    def _pause(self, seconds: float) -> None:
        """Waits for the next attempt; a shutdown or a flush that comes meanwhile cuts the wait short."""
        until = time.monotonic() + seconds
        with self._changed:
            closed, flush_until = self._closed, self._flush_until
            while (left := until - time.monotonic()) > 0:
                if self._closed != closed or self._flush_until != flush_until:
                    return
                self._changed.wait(left)

    def _halve(self, spans: Sequence[ReadableSpan], error: PermanentExportError) -> None:
        if len(spans) > 1:
            middle = len(spans) // 2
            self._deliver(spans[:middle])
            self._deliver(spans[middle:])
            return
        with self._changed:
            self._drop(1, f"refused for good: {error}")


def _estimated_bytes(span: ReadableSpan) -> int:
    size = _SPAN_BYTES + _size_of(span.attributes)
    for event in span.events:
        size += _EVENT_BYTES + _size_of(event.attributes)
    return size


def _size_of(attributes: Any) -> int:
    if not attributes:
        return 0
    size = 0
    # A plain dict is walked several times as fast as OpenTelemetry's own mapping.
    for value in attributes.copy().values():
        size += _ATTRIBUTE_BYTES
        if isinstance(value, (str, bytes)):
            size += len(value)
        elif isinstance(value, (list, tuple)):
            size += sum(len(item) if isinstance(item, (str, bytes)) else 8 for item in value)
    return size
