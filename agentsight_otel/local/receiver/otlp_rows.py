"""Turns spans into the rows that the collector's ClickHouse exporter would store."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from agentsight_otel._export.rows import COLUMNS, SERVICE_NAME, UNSPECIFIED, Point, Reference, row_of
from agentsight_otel.local.receiver.limits import MAX_BATCH_BYTES, MAX_BATCH_ROWS
from agentsight_otel.local.receiver.sent_spans import SentSpan, stored_attributes

# The memory that a row, and each of its parts, takes besides the texts, in bytes.
_ROW_BYTES, _PART_BYTES = 1500, 200

_ATTRIBUTES, _EVENTS = (list(COLUMNS).index(name) for name in ("SpanAttributes", "Events.Attributes"))

_KINDS = {
    Span.SPAN_KIND_INTERNAL: "Internal",
    Span.SPAN_KIND_SERVER: "Server",
    Span.SPAN_KIND_CLIENT: "Client",
    Span.SPAN_KIND_PRODUCER: "Producer",
    Span.SPAN_KIND_CONSUMER: "Consumer",
}
_STATUSES = {Status.STATUS_CODE_OK: "Ok", Status.STATUS_CODE_ERROR: "Error"}


class Rejections:
    """Counts the spans of a request that were left out, by reason."""

    _MOST_REASONS = 10

    def __init__(self) -> None:
        self.count = 0
        self.reasons: list[str] = []

    def add(self, reason: str) -> None:
        """Counts a span that is left out."""
        self.count += 1
        if len(self.reasons) < self._MOST_REASONS and reason not in self.reasons:
            self.reasons.append(reason)


class Batch(NamedTuple):
    """Rows for one insert.

    Attributes:
        rows: Rows of ``rows.COLUMNS``.
        size: The memory that they take, in bytes, approximately.
        is_last: Whether it is the last batch of its request.
    """

    rows: list[list[Any]]
    size: int
    is_last: bool


def batches(spans: Iterator[SentSpan], rejections: Rejections) -> Iterator[Batch]:
    """The rows of a request, in batches that fit into an insert; spans with invalid ids are left out.

    Args:
        spans: The request's spans.
        rejections: Counts the spans that are left out.
    """
    rows: list[list[Any]] = []
    size = 0
    for sent in spans:
        span = sent.span
        if len(span.trace_id) not in (0, 16) or len(span.span_id) not in (0, 8):
            rejections.add(f"span {span.name[:100]!r}: expected a trace id of 16 bytes and a span id of 8")
            continue
        if size >= MAX_BATCH_BYTES or len(rows) >= MAX_BATCH_ROWS:
            yield Batch(rows, size, is_last=False)
            rows, size = [], 0
        rows.append(_row(span, sent.resource, sent.scope))
        size += _ROW_BYTES + _memory_of(sent, rows[-1]) + sent.resource_size + _PART_BYTES * sent.parts
    if rows:
        yield Batch(rows, size, is_last=True)


def _memory_of(sent: SentSpan, row: list[Any]) -> int:
    """The memory of a row's texts, about: where a text has an emoji, each of its letters takes four bytes."""
    is_ascii = all(text.isascii() for attributes in (row[_ATTRIBUTES], *row[_EVENTS]) for text in attributes.values())
    return sent.size if is_ascii else 4 * sent.size


def request_to_rows(spans: Iterator[SentSpan]) -> tuple[list[list[Any]], list[str]]:
    """All rows of a request, and the reasons why spans were left out."""
    rejections = Rejections()
    rows = [row for batch in batches(spans, rejections) for row in batch.rows]
    return rows, rejections.reasons


def _row(span: Span, resource: dict[str, str], scope: tuple[str, str]) -> list[Any]:
    return row_of(
        start_ns=_time(span.start_time_unix_nano),
        end_ns=_time(span.end_time_unix_nano),
        trace_id=_id(span.trace_id),
        span_id=_id(span.span_id),
        parent_span_id=_id(span.parent_span_id),
        trace_state=span.trace_state,
        name=span.name,
        kind=_KINDS.get(span.kind, UNSPECIFIED),
        service=resource.get(SERVICE_NAME, ""),
        resource=resource,
        scope=scope,
        attributes=stored_attributes(span.attributes),
        status=(_STATUSES.get(span.status.code, "Unset"), span.status.message),
        events=[
            Point(_time(each.time_unix_nano), each.name, stored_attributes(each.attributes)) for each in span.events
        ],
        links=[
            Reference(_id(each.trace_id), _id(each.span_id), each.trace_state, stored_attributes(each.attributes))
            for each in span.links
        ],
    )


def _id(identifier: bytes) -> str:
    """An id in lower-case hex; '' for one of all zeros, which in OTLP means no id."""
    return identifier.hex() if any(identifier) else ""


def _time(nanoseconds: int) -> int:
    """A time as the collector stores it: one beyond a signed 64-bit number wraps to before 1970."""
    return nanoseconds - 2**64 if nanoseconds >= 2**63 else nanoseconds
