"""Counts what was sent and what is stored, and holds the metrics against the reference model."""

import itertools

from agentsight_otel.clickhouse import client as clickhouse_client
from tests.collector import conversations
from tests.collector.otlp import encode
from tests.collector.running import Collector
from tests.collector.waiting import until
from tests.sql.model import DAY_MS, Ask, Span, answers
from tests.sql.storing import assert_views_agree

START_NS = 1_772_323_200_000_000_000
"""2026-03-01 in UTC: when the first conversation starts."""


class Conversations:
    """The next request of conversations at each call, for a ``Sender``; remembers what it gave out.

    Args:
        per_request: Conversations in one.
        requests: How many requests there are; endless without.
        spacing_s: From one conversation's start to the next one's.
    """

    def __init__(self, per_request: int = 10, requests: int | None = None, spacing_s: float = 61.0) -> None:
        self.spans: list[Span] = []
        self._per_request = per_request
        self._requests = requests
        self._spacing_ns = int(spacing_s * 1e9)
        self._numbers = itertools.count()
        self._made = 0

    def __call__(self) -> tuple[bytes, int] | None:
        if self._made == self._requests:
            return None
        self._made += 1
        spans = [
            span
            for number in itertools.islice(self._numbers, self._per_request)
            for span in conversations.conversation(number, START_NS + number * self._spacing_ns)
        ]
        self.spans += spans
        return encode(spans), len(spans)


def rows(url: str) -> int:
    """How many are stored; 0 where ClickHouse is away."""
    return _counted(url)[0]


def spans(url: str) -> int:
    """How many different spans are stored; 0 where ClickHouse is away."""
    return _counted(url)[1]


def assert_nothing_lost(collector: Collector, url: str, sent: list[Span]) -> None:
    """Waits until the collector's queue is empty; then what was sent is stored, and the 15 metrics are the model's."""
    until(lambda: spans(url) >= len(sent), 90, f"{len(sent)} spans stored")
    # A span is seen in its table a little before it is in the rollups.
    until(lambda: collector.metrics()["otelcol_exporter_queue_size"] == 0, 90, "an empty queue")
    assert spans(url) == len(sent)
    first_ms = min(span.start_ms for span in sent)
    last_ms = max(span.end_ms for span in sent)
    ask = Ask(first_ms - DAY_MS, last_ms + DAY_MS, "Europe/Athens")
    with clickhouse_client.connect(url) as client:
        assert_views_agree(client, answers(sent, ask), ask)


def assert_full(collector: Collector, words: str) -> None:
    """What operators have to notice a full queue by: log, metrics; and that the process is not what is ill."""
    assert words in collector.log.read_text()
    metrics = collector.metrics()
    assert metrics["otelcol_exporter_enqueue_failed_spans"] > 0
    assert metrics["otelcol_receiver_refused_spans"] > 0
    assert collector.healthy()


def _counted(url: str) -> tuple[int, int]:
    try:
        with clickhouse_client.connect(url) as client:
            found = client.query("SELECT count(), uniqExact(TraceId, SpanId) FROM otel_traces").first_row
    except clickhouse_client.ClickHouseConnectionError:
        return 0, 0
    return found[0], found[1]
