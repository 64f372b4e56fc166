"""What delivery works with: batches on their way, the backlog, and the reasons why spans are lost."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

from opentelemetry.sdk.trace import ReadableSpan

QUEUE_FULL = "queue_full"
"""Why a span was dropped: no room, the backend is away or slower than the spans come."""

REFUSED = "refused"
"""Why a span was dropped: the backend will never take it."""

UNSENT = "unsent"
"""Why a span was dropped: the process ended before the backend took it."""

ALREADY_SHUTDOWN = "already_shutdown"
"""Why a span was dropped: it ended after the shutdown."""

REASONS = {
    QUEUE_FULL: "the queue is full: the backend is away, or slower than the spans come",
    REFUSED: "refused for good",
    UNSENT: "not delivered when the process ended",
    ALREADY_SHUTDOWN: "ended after shutdown()",
}
"""What each of these says to people."""


@dataclass
class Counts:
    """What has become of the spans so far.

    Attributes:
        submitted: Handed to the exporter, at least once.
        exported: Taken by the backend.
        recovered: The same, of an earlier process, out of the backlog.
        kept: Gone into the backlog at shutdown.
        dropped: Lost, by reason.
    """

    submitted: int = 0
    exported: int = 0
    recovered: int = 0
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)


class Ticket(Protocol):
    """A batch out of a backlog, to be delivered."""

    spans: list[ReadableSpan]

    def done(self, spans: int) -> None:
        """So many of the spans are settled; the batch is forgotten when all are."""

    def release(self) -> None:
        """Not delivered: it stays in the backlog."""


class Backlog(Protocol):
    """Where undelivered spans survive the process."""

    def keep(self, spans: list[ReadableSpan]) -> int:
        """Stores spans; returns how many of them, the first ones, found room."""

    def take(self) -> Ticket | None:
        """A batch stored before, that nobody else is delivering."""


@dataclass
class Batch:
    """Spans on their way.

    Attributes:
        spans: Prepared, at least one.
        memory: Their share of the queue's bytes.
        doubts: Attempts that failed for a reason that may lie in the spans.
        mended: Whether its one span was made encodable already.
        ticket: Where they come from, if not from the queue.
    """

    spans: list[ReadableSpan]
    memory: int
    doubts: int = 0
    mended: bool = False
    ticket: Ticket | None = None

    def split(self, first: int) -> "tuple[Batch, Batch]":
        """The first so many of its spans, and the others."""
        share = self.memory * first // len(self.spans)
        return (
            Batch(self.spans[:first], share, self.doubts, ticket=self.ticket),
            Batch(self.spans[first:], self.memory - share, self.doubts, ticket=self.ticket),
        )
