"""Finished spans that wait for delivery, in bounded memory: what has arrived, what is prepared, what is being sent.

Spans arrive from any thread. One background thread prepares and measures them, takes batches and settles them.
"""

from collections import deque
from collections.abc import Callable
from contextlib import suppress

from opentelemetry.sdk.trace import ReadableSpan

from agentsight_otel._core.locks import new_lock
from agentsight_otel._core.otel_private import LeanSpan
from agentsight_otel._export.batches import ALREADY_SHUTDOWN, QUEUE_FULL, Batch, Counts, Ticket
from agentsight_otel._export.span_edits import cut
from agentsight_otel._export.span_sizes import memory_bytes, resource_wire_bytes, wire_bytes

PREPARED_AT_ONCE = 512
"""So many spans that have arrived are prepared without waiting until they are due: their memory is known only then."""

NEWS = "news"
"""The span has room, and the background thread is to know of it."""

_Measured = tuple[ReadableSpan, int, int]
"""A span, its bytes on the wire, and in memory."""

_UNSEEN_BYTES = 131_072
_USUAL_BYTES = 3_072


class SpanQueue:
    """The spans between their end and the backend's answer. Safe with threads; never raises, never waits.

    Attributes:
        counts: What has become of the spans so far.
        accepted: Spans that found room, ever.
        waiting: Spans in here: arrived, prepared or being sent.
        closed: Whether it takes no more.
        unannounced: Whether the background thread could not be told of the last news.

    Args:
        max_spans: The most in here.
        max_bytes: Their size in memory, estimated.
        max_batch_spans: The most spans in one batch.
        max_batch_bytes: The most bytes in one batch, as OTLP; a larger single span is cut.
        prepare: What is done to each span before it leaves; must not raise.
        born_fit: Whether lean spans need nothing of that.
    """

    def __init__(
        self,
        *,
        max_spans: int,
        max_bytes: int,
        max_batch_spans: int,
        max_batch_bytes: int,
        prepare: Callable[[ReadableSpan], ReadableSpan] | None,
        born_fit: bool,
    ) -> None:
        self._max_spans = max_spans
        self._max_bytes = max_bytes
        self._most_unseen = max_bytes // _UNSEEN_BYTES
        self._max_batch_spans = max_batch_spans
        self._max_batch_bytes = max_batch_bytes
        self._prepare = prepare
        self._born_fit = born_fit
        # Reentrant: a span may end in a finalizer or a signal handler that interrupts us in here.
        self._lock = new_lock()
        self.closed = False
        self.empty()

    def empty(self) -> None:
        """For a forked child: what is queued is its parent's, and so are the counts."""
        # As they came, with what is taken for their size in memory until it is known.
        self._arrived: deque[tuple[ReadableSpan, int]] = deque()
        # Prepared, with their bytes on the wire and in memory, unless they know them themselves.
        self._prepared: deque[LeanSpan | _Measured] = deque()
        self._in_hand: deque[Batch] = deque()  # taken from the queue or the backlog, not settled yet
        self._bytes = 0
        self.waiting = 0
        self.accepted = 0
        self.unannounced = False
        self.counts = Counts()

    @property
    def unsent(self) -> int:
        """Spans in no batch yet."""
        return len(self._arrived) + len(self._prepared)

    @property
    def unprepared(self) -> int:
        """Spans that nobody has looked at yet."""
        return len(self._arrived)

    @property
    def decided(self) -> int:
        """How many of the accepted spans the backend has decided on."""
        return self.accepted - self.waiting

    @property
    def dropped(self) -> int:
        """Spans lost, for any reason."""
        return sum(self.counts.dropped.values())

    @property
    def current(self) -> Batch | None:
        """The batch to be sent next, or being sent."""
        with suppress(IndexError):
            return self._in_hand[0]
        return None

    def add(self, span: ReadableSpan) -> str:
        """Takes a finished span; returns ``NEWS``, '' where nobody waits for that, or the reason why it has no room."""
        ready: LeanSpan | None = None
        if type(span) is LeanSpan and span.is_lean:
            size = memory_bytes(span, span.wire_bytes)
            ready = span if self._is_ready(span) else None
        elif len(self._arrived) < self._most_unseen:
            size = _USUAL_BYTES
        else:  # the background thread is busy, or stuck in the exporter
            size = memory_bytes(span, wire_bytes(span))
        with self._lock:
            if self.closed:
                return ALREADY_SHUTDOWN
            if self.waiting >= self._max_spans or (self.waiting and self._bytes + size > self._max_bytes):
                return QUEUE_FULL
            arrived, unsent = len(self._arrived), self.unsent + 1
            if ready is not None and not arrived:
                self._prepared.append(ready)
            else:
                self._arrived.append((span, size))
                arrived += 1
            # Nothing is called from here on: deep in a recursion a call may fail, and the span is in the queue.
            self.waiting += 1
            self._bytes += size
            self.accepted += 1
            if unsent in (1, self._max_batch_spans) or arrived == PREPARED_AT_ONCE or self.unannounced:
                self.unannounced = False
                return NEWS
        return ""

    def _is_ready(self, span: LeanSpan) -> bool:
        """Whether a lean span may leave as it came."""
        return self._born_fit and span.wire_bytes <= self._max_batch_bytes

    @property
    def has_full_batch(self) -> bool:
        """Whether the next batch need not wait for company."""
        return self.unsent >= self._max_batch_spans

    def prepare_arrived(self) -> list[str]:
        """Prepares and measures what has arrived. Only the background thread takes from there.

        Returns:
            A reason for each span that is lost, as it cannot be prepared.
        """
        prepared: list[LeanSpan | _Measured] = []
        problems: list[str] = []
        count = change = 0
        with suppress(IndexError):  # given up meanwhile
            for count in range(1, len(self._arrived) + 1):
                span, taken_for = self._arrived[count - 1]
                change -= taken_for
                try:
                    span, wire = self._made_ready(span)
                    memory = memory_bytes(span, wire)
                except Exception as error:
                    problems.append(f"it cannot be prepared: {type(error).__name__}: {error}")
                else:
                    change += memory
                    prepared.append((span, wire, memory))
        with self._lock:
            if len(self._arrived) < count:
                return []
            for _ in range(count):
                self._arrived.popleft()
            self._prepared += prepared
            self.waiting -= len(problems)
            self._bytes += change
        return problems

    def _made_ready(self, span: ReadableSpan) -> tuple[ReadableSpan, int]:
        """A span as it may leave, and its bytes on the wire."""
        if type(span) is LeanSpan and span.is_lean and self._is_ready(span):
            return span, span.wire_bytes
        if self._prepare is not None:
            span = self._prepare(span)
        wire = wire_bytes(span)
        if wire > self._max_batch_bytes:
            span = cut(span, self._max_batch_bytes)
            wire = wire_bytes(span)
        return span, wire

    @property
    def has_prepared(self) -> bool:
        """Whether a batch can be taken."""
        return bool(self._prepared)

    def take_batch(self) -> None:
        """Puts the first prepared spans into one batch, which is then in hand."""
        batch = Batch([], 0)
        size = 0
        resource = None
        with self._lock:
            while self._prepared and len(batch.spans) < self._max_batch_spans:
                span, wire, memory = _measured(self._prepared[0])
                size += wire
                if span.resource is not resource:
                    resource = span.resource
                    size += resource_wire_bytes(resource)
                if batch.spans and size > self._max_batch_bytes:
                    break
                self._prepared.popleft()
                batch.spans.append(span)
                batch.memory += memory
            if batch.spans:
                self.counts.submitted += len(batch.spans)
                self._in_hand.append(batch)

    def take_kept(self, ticket: Ticket) -> None:
        """Puts a batch out of the backlog into hand."""
        self._in_hand.append(Batch(ticket.spans, 0, ticket=ticket))

    def settle(self, batch: Batch, taken: int) -> bool:
        """The backend has decided on the batch in hand; False if it was given up meanwhile."""
        with self._lock:
            if self.current is not batch:
                return False  # by a shutdown that could not wait
            self._in_hand.popleft()
            if batch.ticket is None:
                self.counts.exported += taken
                self.waiting -= len(batch.spans)
                self._bytes -= batch.memory
            else:
                self.counts.recovered += taken
        return True

    def replace(self, batch: Batch, *parts: Batch) -> None:
        """Goes on with others in place of the batch in hand."""
        with self._lock:
            if self.current is batch:
                self._in_hand.popleft()
                self._in_hand.extendleft(reversed(parts))

    def count_lost(self, spans: int, reason: str) -> None:
        """Counts spans as lost."""
        with self._lock:
            self.counts.dropped[reason] += spans

    def give_up(self, *, ready: bool) -> tuple[list[ReadableSpan], list[Ticket]]:
        """Takes everything out, at the end.

        Args:
            ready: Whether the spans are to be as they may leave.

        Returns:
            The spans, and the tickets of those that are the backlog's.
        """
        with self._lock:
            spans = [span for batch in self._in_hand if batch.ticket is None for span in batch.spans]
            tickets = {id(batch.ticket): batch.ticket for batch in self._in_hand if batch.ticket is not None}
            spans += [_measured(entry)[0] for entry in self._prepared]
            spans += [self._made_ready(span)[0] if ready else span for span, _ in self._arrived]
            self._in_hand.clear()
            self._prepared.clear()
            self._arrived.clear()
            self.waiting = self._bytes = 0
        return spans, list(tickets.values())


def _measured(entry: LeanSpan | _Measured) -> _Measured:
    if type(entry) is LeanSpan:
        return entry, entry.wire_bytes, memory_bytes(entry, entry.wire_bytes)
    return entry  # type: ignore[return-value]
