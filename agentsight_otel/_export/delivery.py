"""Delivers finished spans to an exporter from one background thread: in batches, with retries, in bounded memory."""

import weakref
from collections.abc import Callable

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.trace import TraceFlags

from agentsight_otel._core import process
from agentsight_otel._core.guard import guard, swallow
from agentsight_otel._core.locks import new_lock
from agentsight_otel._core.threads import Bell, Worker, wait_for
from agentsight_otel._export.batches import UNSENT, Backlog, Counts
from agentsight_otel._export.queue import NEWS, SpanQueue
from agentsight_otel._export.retries import Sender

_LAST_WORD_S = 0.5

processors: "weakref.WeakSet[DeliveryProcessor]" = weakref.WeakSet()
"""Those of this process that are still in use somewhere."""


class DeliveryProcessor(SpanProcessor):
    """A span processor that loses nothing quietly.

    A batch that fails is sent again, with growing pauses, until it is taken; meanwhile at most ``max_queue_spans`` and
    about ``max_queue_bytes`` wait. What finds no room, or is refused for good, is dropped, counted and said.
    Fork-safe: a child starts with an empty queue, and the parent sends what the parent queued.

    Args:
        exporter: Gets the batches, one at a time. What it may raise is in ``errors``.
        max_queue_spans: Finished spans waiting or being sent.
        max_queue_bytes: Their size in memory, estimated.
        max_batch_spans: The most spans in one call of the exporter.
        max_batch_bytes: The most bytes in one call, as OTLP; a larger single span is cut.
        schedule_delay_s: How long a span waits for company, in seconds.
        shutdown_timeout_s: How long ``shutdown`` tries to send the rest, in seconds.
        prepare: What is done to each span in the background before it leaves; must not raise.
        born_fit: Whether lean spans need nothing of that.
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
        born_fit: bool = False,
        backlog: Backlog | None = None,
        on_attempt: Callable[[float, BaseException | None], None] | None = None,
    ) -> None:
        self._exporter = exporter
        self._shutdown_timeout_s = shutdown_timeout_s
        self._backlog = backlog
        self.capacity = max_queue_spans
        """The most spans that may wait or be sent."""
        self._queue = SpanQueue(
            max_spans=max_queue_spans,
            max_bytes=max_queue_bytes,
            max_batch_spans=max_batch_spans,
            max_batch_bytes=max_batch_bytes,
            prepare=prepare,
            born_fit=born_fit,
        )
        self._sender = Sender(
            exporter,
            self._queue,
            schedule_delay_s=schedule_delay_s,
            backlog=backlog,
            on_attempt=on_attempt,
            tell=self._tell,
        )
        # Reentrant, as a finalizer or a signal handler may end a span while we are in here.
        self._lock = new_lock()
        self._reset()
        processors.add(self)
        process.in_child(process.Stage.EXPORT, self.start_anew)

    def _reset(self) -> None:
        self._worker: Worker | None = None
        self._dropped_told = 0  # to callers of flush
        self._waiting: set[Bell] = set()  # callers of flush

    def start_anew(self) -> None:
        """For a forked child: nothing is queued, and no thread of the parent's runs here."""
        self._reset()
        self._queue.empty()
        self._sender.start_anew()
        if callable(anew := getattr(self._exporter, "start_anew", None)):
            anew()

    @property
    def counts(self) -> Counts:
        """What has become of the spans so far, counted on in place; another one in a forked child."""
        return self._queue.counts

    @property
    def closed(self) -> bool:
        """Whether ``shutdown`` was called."""
        return self._queue.closed

    @property
    def failure(self) -> BaseException | None:
        """Why the last attempt failed; None if it did not."""
        return self._sender.failure

    @property
    def accepted(self) -> int:
        """Spans that were queued, ever."""
        return self._queue.accepted

    @property
    def exported(self) -> int:
        """Spans that the exporter took."""
        return self.counts.exported

    @property
    def recovered(self) -> int:
        """Spans of an earlier process, out of the backlog, that the exporter took."""
        return self.counts.recovered

    @property
    def kept(self) -> int:
        """Spans that went into the backlog at shutdown."""
        return self.counts.kept

    @property
    def dropped(self) -> int:
        """Spans lost, for any reason."""
        return self._queue.dropped

    @property
    def dropped_by_reason(self) -> dict[str, int]:
        """Spans lost: ``QUEUE_FULL``, ``REFUSED``, ``UNSENT``, ``ALREADY_SHUTDOWN``."""
        return dict(self.counts.dropped)

    @property
    def queued(self) -> int:
        """Spans waiting or being sent."""
        return self._queue.waiting

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing."""

    def on_end(self, span: ReadableSpan) -> None:
        """Queues a sampled span. Never raises, never waits for the backend."""
        try:
            self.take(span)
        except Exception as error:
            swallow("queueing a span", error)

    def take(self, span: ReadableSpan) -> None:
        """As ``on_end``, but for a RecursionError: whoever has more room on the stack may try again."""
        ids = span.context
        if ids is None or not ids.trace_flags & TraceFlags.SAMPLED:
            return
        if said := self._queue.add(span):
            if said != NEWS:
                self._sender.lose(1, said)
                return
            try:
                self._wake()
            except RecursionError:  # the span is in the queue, and is not to be taken once more
                self._queue.unannounced = True

    def send_backlog(self) -> None:
        """Starts delivering what an earlier process left in the backlog, without waiting for the first span."""
        if self._backlog is not None and self._backlog.has_files():
            self._wake()

    def _wake(self) -> None:
        if self._worker is None or not self._worker.alive:
            with self._lock:
                if self._worker is None or not self._worker.alive:
                    worker = self._worker = Worker(self._sender.run)
                    if not worker.start():  # the interpreter is shutting down; shutdown() delivers in its own thread
                        self._worker = None
        self._sender.wake()

    def _tell(self) -> None:
        for bell in list(self._waiting):
            bell.ring()

    def force_flush(self, timeout_millis: float = 30_000) -> bool:
        """Sends what is queued now, without waiting for more.

        Returns:
            True if all that was recorded since the last flush was taken by the backend in time; False if some of it
            was not, or was dropped.
        """
        queue, bell = self._queue, Bell()
        wanted = queue.accepted
        self._sender.flush(wanted)
        if queue.waiting:
            self._wake()
        self._waiting.add(bell)
        try:
            wait_for(
                lambda: queue.decided >= wanted or self._worker is None or not self._worker.alive,
                bell,
                timeout_millis / 1_000,
            )
        finally:
            self._waiting.discard(bell)
        if queue.decided < wanted:
            return False
        told, self._dropped_told = self._dropped_told, self.dropped
        return self.kept == 0 and self._dropped_told == told

    def shutdown(self) -> None:
        """Sends the rest, within ``shutdown_timeout_s``; what is left goes to the backlog, or is dropped and counted.

        With a backlog it does not wait for a backend that is away. Closes the exporter.
        """
        with self._lock:
            if self._queue.closed:
                return
            self._queue.closed = True
        self._sender.close(self._shutdown_timeout_s)
        worker = self._worker
        if worker is not None and worker.is_current:
            worker = None  # an exporter shuts us down: what it has in hand is all that can still be sent
        elif worker is not None and worker.alive:
            worker.join(self._shutdown_timeout_s)
        elif self._queue.waiting:
            self._sender.run()
        with guard("closing the exporter"):
            self._exporter.shutdown()
        if worker is not None:
            worker.join(_LAST_WORD_S)  # closing may have ended an attempt, and with it the doubt whether it arrived
        self._give_up()

    def _give_up(self) -> None:
        left, tickets = self._queue.give_up(ready=self._backlog is not None)
        self._tell()
        for ticket in tickets:
            with guard("leaving spans in the backlog"):
                ticket.release()
        if left:
            if self._backlog is not None:
                with guard("keeping undelivered spans"):
                    self.counts.kept += self._backlog.keep(left)
            self._sender.lose(len(left) - self.counts.kept, UNSENT, self._sender.failure)
