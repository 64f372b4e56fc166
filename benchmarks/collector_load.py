"""Sustained load: generator, collector and ClickHouse side by side on this machine, with this schema and the stock one.

    python -m benchmarks.collector_load --seconds 300

Conversations of 12 spans go by OTLP over HTTP to a collector with `local.yaml`, as fast as it takes them: its queue is
kept short, so that what it accepts is what ClickHouse stores. First with the collector's own table (create_schema:
true, no views), then with this project's schema and all its materialised views. Prints spans/s, processor time and
memory of each process, the number of parts, the size of what is stored, and whether every accepted span is there.
`--outage 60` stops ClickHouse for so many seconds in the middle of the second run.
"""

import argparse
import hashlib
import itertools
import logging
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.local import EmbeddedClickHouse
from tests.collector import conversations
from tests.collector.building import CONFIGS, collector_binary
from tests.collector.conftest import clickhouse_environment
from tests.collector.otlp import Sender, encode
from tests.collector.running import Collector
from tests.collector.waiting import until

MARKER = 0x5A_A5_C3_3C_96_69_E1
"""The number of the conversation that requests are copied from; its bytes occur nowhere else."""


class Requests:
    """Makes requests cheaply: a conversation is encoded once a second, and copied with other ids in its place."""

    def __init__(self, conversations_per_request: int) -> None:
        self._per_request = conversations_per_request
        self._numbers = itertools.count()
        self._second = 0
        self._template = b""
        self._id, self._trace, self._spans = self._ids(MARKER)

    def __call__(self) -> tuple[bytes, int]:
        if (second := int(time.time())) != self._second:
            self._second = second
            self._template = encode(conversations.conversation(MARKER, second * 1_000_000_000))
        bodies = []
        for number in itertools.islice(self._numbers, self._per_request):
            conversation_id, trace, spans = self._ids(number)
            bodies.append(
                self._template.replace(self._id, conversation_id)
                .replace(self._trace, trace)
                .replace(self._spans, spans)
            )
        return b"".join(bodies), len(bodies) * conversations.SPANS

    @staticmethod
    def _ids(number: int) -> tuple[bytes, bytes, bytes]:
        conversation_id = b"conversation-%017d" % number
        return conversation_id, hashlib.sha256(conversation_id).digest()[:16], number.to_bytes(7, "big")


@dataclass
class Process:
    """What a process has used, read from /proc."""

    pid: int
    cpu_s: float = 0.0
    peak_mib: float = 0.0
    _before_s: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.follow(self.pid)

    def follow(self, pid: int) -> None:
        """Goes on with the process that has taken this one's place."""
        self.pid = pid
        self._before_s = self._total_s() - self.cpu_s

    def sample(self) -> None:
        """Reads it; a process that is gone keeps what it had."""
        try:
            self.cpu_s = self._total_s() - self._before_s
            status = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return
        resident = next((line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")), "0")
        self.peak_mib = max(self.peak_mib, int(resident) / 1024)

    def _total_s(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass
class Result:
    """One run."""

    name: str
    seconds: float
    accepted: int
    stored: int
    rows: int
    drained_s: float
    retries: int
    processes: dict[str, Process]
    seen: "Seen"

    @property
    def stored_per_s(self) -> float:
        """From the first span sent to the last one stored."""
        return self.stored / self.drained_s

    @property
    def cpu_us_per_span(self) -> float:
        """Processor time of collector and ClickHouse together: comparable on a machine that has other work, too."""
        return (self.processes["collector"].cpu_s + self.processes["ClickHouse"].cpu_s) / self.stored * 1e6

    @property
    def lost(self) -> int:
        """Accepted, but not stored."""
        return self.accepted - self.stored


def run(name: str, home: Path, options: argparse.Namespace, *, stock: bool) -> Result:
    """Sends for so many seconds, waits until the queue is empty, and counts."""
    overlay = home / "overlay.yaml"
    overlay.parent.mkdir(parents=True)
    overlay.write_text(f"exporters: {{clickhouse: {{create_schema: {str(stock).lower()}}}}}\n")
    configs = [CONFIGS / "local.yaml", overlay, *([options.overlay.absolute()] if options.overlay else [])]
    with EmbeddedClickHouse(home / "clickhouse") as server:
        url = server.url("load")
        if not stock:
            schema.apply(url)
        environment = {**clickhouse_environment(server, url), "AGENTSIGHT_QUEUE_SPANS": str(options.queue)}
        with Collector(collector_binary(), configs, environment, home / "collector") as collector:
            assert server.pid is not None
            processes = {
                "generator": Process(os.getpid()),
                "collector": Process(collector.pid),
                "ClickHouse": Process(server.pid),
            }
            began = time.perf_counter()
            with watched(url, processes, collector) as seen:
                with Sender(collector.http, Requests(options.conversations), options.threads) as sender:
                    outage_s = 0 if stock else options.outage
                    time.sleep((options.seconds - outage_s) / 2)
                    if outage_s:
                        server.stop()
                        time.sleep(outage_s)
                        processes["ClickHouse"].follow(server.start().pid or 0)
                    time.sleep((options.seconds - outage_s) / 2)
                accepted_s = time.perf_counter() - began
                until(lambda: collector.metrics()["otelcol_exporter_queue_size"] == 0, 2 * options.seconds + 120)
                drained_s = time.perf_counter() - began
            with clickhouse_client.connect(url) as client:
                rows, stored = client.query("SELECT count(), uniqExact(TraceId, SpanId) FROM otel_traces").first_row
            if not stock:
                check_metrics(url, sender.accepted)
            return Result(name, accepted_s, sender.accepted, stored, rows, drained_s, sender.retries, processes, seen)


@dataclass
class Seen:
    """What was seen once a second."""

    parts: list[int] = field(default_factory=list)
    bytes_per_span: float = 0.0
    queue_spans: int = 0
    queue_bytes: int = 0


@contextmanager
def watched(url: str, processes: dict[str, Process], collector: Collector) -> Iterator[Seen]:
    """Samples processes, parts and the queue until the block ends."""
    seen, over = Seen(), threading.Event()

    def watch() -> None:
        while not over.wait(1.0):
            for process in processes.values():
                process.sample()
            try:
                queued = int(collector.metrics().get("otelcol_exporter_queue_size", 0))
                if queued > seen.queue_spans:
                    seen.queue_spans = queued
                    seen.queue_bytes = sum(file.stat().st_size for file in collector.queue.iterdir())
                with clickhouse_client.connect(url, database="default") as client:
                    parts, size, rows = client.query(
                        "SELECT count(), sum(bytes_on_disk), sumIf(rows, table = 'otel_traces') FROM system.parts"
                        " WHERE active AND database = 'load'"
                    ).first_row
            except Exception:
                continue  # the outage, or a machine too busy to answer
            seen.parts.append(parts)
            seen.bytes_per_span = size / max(rows, 1)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def check_metrics(url: str, accepted: int) -> None:
    """The views count each conversation and message that was accepted, once."""
    today = datetime.now(timezone.utc).year
    window = f"from='{today - 1}-01-01 00:00:00', to='{today + 2}-01-01 00:00:00', timezone='UTC'"
    filters = "service=[], environment=[], device=[], source=[], language=[], country=[]"
    with clickhouse_client.connect(url) as client:
        found = [
            client.query(f"SELECT {column} FROM metric_{view}({window}, {filters})").first_row[0]
            for column, view in (("conversations", "total_conversations"), ("messages", "total_messages"))
        ]
    expected = [accepted // conversations.SPANS, accepted // conversations.SPANS * 8]
    assert found == expected, f"conversations and messages by the views: {found}, sent: {expected}"


def report(result: Result) -> None:
    """Prints a run."""
    print(f"\n{result.name}")
    print(f"  accepted   {result.accepted / result.seconds:>10,.0f} spans/s for {result.seconds:.0f} s")
    print(f"  stored     {result.stored_per_s:>10,.0f} spans/s until all {result.stored:,} were there")
    print(
        f"  lost       {result.lost:>10,}; stored twice: {result.rows - result.stored:,}; retries: {result.retries:,}"
    )
    for name, process in result.processes.items():
        per_core = result.accepted / process.cpu_s if process.cpu_s else 0
        print(
            f"  {name:10} {process.cpu_s / result.drained_s * 100:>9.0f} % of a core, {process.peak_mib:,.0f} MiB peak,"
            f" {per_core:,.0f} spans per core and second"
        )
    seen = result.seen
    every = max(len(seen.parts) // 10, 1)
    print(f"  parts      {max(seen.parts):>10} at most; over time {' '.join(map(str, seen.parts[::every]))}")
    print(f"  disk       {seen.bytes_per_span:>10.0f} bytes a span stored, rollups included")
    print(f"  queue      {seen.queue_spans:>10,} spans at most, in a file of {seen.queue_bytes / 2**20:,.0f} MiB")


def main(arguments: list[str] | None = None) -> list[Result]:
    """Runs what was asked for; returns the results, the stock schema's first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="of load, in each run")
    parser.add_argument("--threads", type=int, default=2, help="that send at once")
    parser.add_argument("--conversations", type=int, default=40, help="in a request")
    parser.add_argument("--queue", type=int, default=100_000, help="spans in the collector's queue at most")
    parser.add_argument("--outage", type=float, default=0.0, help="seconds without ClickHouse, in the second run")
    parser.add_argument("--overlay", type=Path, help="a collector config to lay over local.yaml")
    parser.add_argument("--only", choices=("stock", "ours"), help="only one of the two")
    options = parser.parse_args(arguments)
    logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)  # its word on every attempt during the outage
    results = []
    with tempfile.TemporaryDirectory() as temporary:
        for name, title in (("stock", "stock schema, no views"), ("ours", "this schema, all materialised views")):
            if options.only in (None, name):
                results.append(run(title, Path(temporary) / name, options, stock=name == "stock"))
                report(results[-1])
    if len(results) == 2:
        print(
            f"\nthis schema / stock schema: {results[1].stored_per_s / results[0].stored_per_s:.2f} in spans/s,"
            f" {results[0].cpu_us_per_span / results[1].cpu_us_per_span:.2f} in spans per processor second"
        )
    return results


if __name__ == "__main__":
    main()
