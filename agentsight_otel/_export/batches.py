"""The data of delivery: batches, the backlog, counts, and the reasons why spans are lost."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from opentelemetry.sdk.trace import ReadableSpan

QUEUE_FULL = "queue_full"
"""Why a span was dropped: no room, the backend is away or slower than the spans come."""

REFUSED = "refused"
"""Why a span was dropped: the backend will never take it."""

UNSENT = "unsent"
"""Why a span was dropped: the process ended before the backend took it."""

ALREADY_SHUTDOWN = "already_shutdown"
"""Why a span was dropped: it ended after the shutdown."""


class Loss(NamedTuple):
    """The explanation of a reason for lost spans.

    Attributes:
        why: What happened, for people.
        remedy: What to do about it.
    """

    why: str
    remedy: str


LOSSES = {
    QUEUE_FULL: Loss(
        "the queue is full: the backend is away, or slower than the spans come",
        "Look at the receiver, or raise max_queue_spans and max_queue_bytes.",
    ),
    REFUSED: Loss("refused for good", "Look at the receiver's own log; the other spans are not affected."),
    UNSENT: Loss(
        "not delivered when the process ended",
        "Set spool_dir to keep such spans for the next start, or raise shutdown_timeout_s.",
    ),
    ALREADY_SHUTDOWN: Loss("ended after shutdown()", "Call shutdown() last, or not at all: it runs at exit by itself."),
}
"""The explanation of each reason."""


@dataclass
class Counts:
    """The numbers of spans so far, by what has become of them.

    Attributes:
        submitted: Spans passed to the exporter at least once.
        exported: Spans that the backend took.
        recovered: Spans of an earlier process, from the backlog, that the backend took.
        kept: Spans stored in the backlog at shutdown.
        dropped: Lost spans, by reason.
    """

    submitted: int = 0
    exported: int = 0
    recovered: int = 0
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)


class Ticket(Protocol):
    """A batch from a backlog that is being delivered."""

    spans: list[ReadableSpan]

    def done(self, spans: int) -> None:
        """Counts spans as settled; the batch is removed from the backlog when all are."""

    def release(self) -> None:
        """Gives the batch up for now: it stays in the backlog."""


class Backlog(Protocol):
    """A store in which undelivered spans survive the process."""

    def keep(self, spans: list[ReadableSpan]) -> int:
        """Stores spans, as far as there is room; returns how many, from the first on."""

    def has_files(self) -> bool:
        """Whether there may be stored spans."""

    def take(self) -> Ticket | None:
        """A stored batch that no other process is delivering; None for none."""


@dataclass
class Batch:
    """Spans that are being delivered.

    Attributes:
        spans: The prepared spans, at least one.
        memory: Their share of the queue's bytes.
        doubts: The number of attempts that failed for a reason that may lie in the spans.
        mended: Whether its only span was already made encodable.
        ticket: The backlog's batch that they come from; None for spans of the queue.
    """

    spans: list[ReadableSpan]
    memory: int
    doubts: int = 0
    mended: bool = False
    ticket: Ticket | None = None

    def split(self, first: int) -> "tuple[Batch, Batch]":
        """Splits the batch into its first spans, so many, and the others."""
        share = self.memory * first // len(self.spans)
        return (
            Batch(self.spans[:first], share, self.doubts, ticket=self.ticket),
            Batch(self.spans[first:], self.memory - share, self.doubts, ticket=self.ticket),
        )
