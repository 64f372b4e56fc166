"""The collector is killed with a full queue, or out of disk: nothing that it accepted is lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agentsight_otel.clickhouse import schema
from agentsight_otel.local import EmbeddedClickHouse
from tests.collector.conftest import StartCollector, clickhouse_environment
from tests.collector.counting import Conversations, assert_full, assert_nothing_lost
from tests.collector.otlp import Sender
from tests.collector.small_disk import SmallDisk
from tests.collector.waiting import until


@pytest.fixture
def away(tmp_path: Path) -> Iterator[EmbeddedClickHouse]:
    """A ClickHouse with the schema, and stopped."""
    server = EmbeddedClickHouse(tmp_path / "clickhouse").start()
    schema.apply(server.url())
    server.stop(grace_s=0)
    yield server
    server.stop(grace_s=0)


def test_the_collector_is_killed_with_a_full_queue(
    start_collector: StartCollector, away: EmbeddedClickHouse, impatient: Path
) -> None:
    url = away.url()
    environment = {**clickhouse_environment(away, url), "AGENTSIGHT_QUEUE_SPANS": "5000"}
    collector = start_collector("local.yaml", impatient, environment=environment)
    sent = Conversations()
    with Sender(collector.http, sent) as sender:
        until(lambda: sender.retries > 2, what="a full queue")
        assert_full(collector, "sending queue is full")
        assert collector.metrics()["otelcol_exporter_queue_size"] > 4_500
        collector.kill()
        away.start()
        collector.start()
        before = sender.accepted
        until(lambda: sender.accepted > before + 1_000, what="spans accepted again")
    assert_nothing_lost(collector, url, sent.spans)


@pytest.mark.parametrize("room", ["on the disk", "in the queue"])
def test_the_disk_of_the_queue_is_full(
    start_collector: StartCollector, away: EmbeddedClickHouse, impatient: Path, small_disk: SmallDisk, room: str
) -> None:
    """Senders are told to wait until there is room: somebody cleared the disk, or ClickHouse took what is queued."""
    url = away.url()
    environment = {**clickhouse_environment(away, url), "AGENTSIGHT_QUEUE_DIR": str(small_disk.queue)}
    collector = start_collector("local.yaml", impatient, environment=environment, binary=small_disk.binary)
    ballast = small_disk.inside(collector) / "ballast"
    ballast.write_bytes(bytes(12_000_000))
    sent = Conversations(per_request=40)
    with Sender(collector.http, sent) as sender:
        until(lambda: sender.retries > 2, what="a full disk")
        assert_full(collector, "no space left on device")
        if room == "on the disk":
            ballast.unlink()
        else:
            away.start()
        before = sender.accepted
        until(lambda: sender.accepted > before + 1_000, what="spans accepted again")
    if not away.alive():
        away.start()
    assert_nothing_lost(collector, url, sent.spans)


def test_the_file_of_the_queue_is_as_large_as_it_may_be(
    start_collector: StartCollector, away: EmbeddedClickHouse, impatient: Path, tmp_path: Path
) -> None:
    url = away.url()
    environment = {**clickhouse_environment(away, url), "AGENTSIGHT_QUEUE_MAX_BYTES": str(2**24)}
    overlay = tmp_path / "small.yaml"
    overlay.write_text("extensions: {file_storage: {compaction: {rebound_needed_threshold_mib: 16}}}\n")
    collector = start_collector("local.yaml", impatient, overlay, environment=environment)
    sent = Conversations(per_request=40)
    with Sender(collector.http, sent) as sender:
        until(lambda: sender.retries > 2, what="a full queue")
        assert_full(collector, "run out of available space")
        assert sum(file.stat().st_size for file in collector.queue.iterdir()) <= 2**24
        away.start()
        before = sender.accepted
        until(lambda: sender.accepted > before + 1_000, what="spans accepted again")
    assert_nothing_lost(collector, url, sent.spans)
