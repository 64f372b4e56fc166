"""An application under load while the collector is away, rejects, hangs or closes connections: where every span went.

    python -m benchmarks.outage --seconds 300

Over gRPC and over HTTP at once, each from a process of its own. A phase fails for its time, then the receiver is back
and the queue drains by itself. Of each phase's spans the table says how many were created, how many different ones the
receiver acknowledged, how many were dropped and why, and how many are queued still. Exits with 1 if a span is in none
of these, or in two.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

import agentsight_otel as agentsight
from agentsight_otel._export.self_metrics import DURATION, ERROR_TYPE
from agentsight_otel._lifecycle import setup
from benchmarks.faulty_receiver import FaultyReceiver, faulty_receiver
from benchmarks.soak import rss_mb

PROTOCOLS = ("grpc", "http/protobuf")
PASSING = ("throttling", "exhausted", "unavailable", "failing", "hanging", "closing")
ROOT = Path(__file__).resolve().parents[1]
_TICK_S = 0.05
_DRAIN_S = 120.0


@dataclass
class Phase:
    """What came of one phase's spans.

    Attributes:
        phase: What the receiver did.
        seconds: For how long.
        created: Spans that ended.
        delivered: Different ones that the receiver acknowledged.
        twice: Those that it acknowledged more than once.
        dropped: Spans lost, by reason, as delivery counted them.
        waited: Queued when the receiver came back.
        queued: Queued at the end of the phase.
        drained_s: From the receiver's return until nothing was queued.
        cpu_s: Processor time of the whole process while the receiver failed, the load included.
        peak_mb: Its largest resident memory by then.
        failed_attempts: While the receiver failed, by delivery's own metrics.
        warnings: What it logged, by any logger, to the end of the phase.
    """

    phase: str
    seconds: float
    created: int
    delivered: int
    twice: int
    dropped: dict[str, int]
    waited: int
    queued: int
    drained_s: float
    cpu_s: float
    peak_mb: float
    failed_attempts: int
    warnings: int

    @property
    def unaccounted(self) -> int:
        """Spans that are nowhere; negative if some are counted in two places."""
        return self.created - self.delivered - sum(self.dropped.values()) - self.queued


class Created(SpanProcessor):
    """The ids of the spans that ended."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def on_end(self, span: ReadableSpan) -> None:
        assert span.context is not None
        self.ids.append(f"{span.context.span_id:016x}")


class Warnings(logging.Handler):
    """Counts what is logged as a warning or worse."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1


@agentsight.tool
def look_up(question: str) -> dict[str, str]:
    return {"found": question}


def one_turn(number: int) -> None:
    """Three spans."""
    with agentsight.conversation(f"conversation {number // 4}", device="mobile", source="web"), agentsight.turn():
        agentsight.user_message(f"question {number}")
        look_up(f"question {number}")
        look_up(f"question {number} again")
        agentsight.agent_message(f"answer {number}")


class Sender:
    """The application: it makes turns, and asks the receiver what has come of them.

    Args:
        receiver: Where the spans go.
        rate: Turns a second.
        max_queue_spans: The bound of the queue.
        attempt_s: The longest attempt, in seconds.
    """

    def __init__(self, receiver: FaultyReceiver, rate: float, max_queue_spans: int, attempt_s: float) -> None:
        self._receiver = receiver
        self._rate = rate
        self._turns = 0
        self._warnings = Warnings()
        logging.getLogger().addHandler(self._warnings)
        self._created = Created()
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = receiver.endpoint
        self._metrics = InMemoryMetricReader()
        metrics.set_meter_provider(MeterProvider([self._metrics]))
        agentsight.init(
            service_name="agent",
            set_global=False,
            max_queue_spans=max_queue_spans,
            export_timeout_s=attempt_s,
            schedule_delay_s=0.2,
            shutdown_timeout_s=1.0,
        )
        assert setup.state.started is not None
        self._delivery = setup.state.started.delivery
        setup.state.started.pipeline.provider.add_span_processor(self._created)

    def _failed_attempts(self) -> int:
        data = self._metrics.get_metrics_data()
        return sum(
            int(getattr(point, "count", 0))
            for resource in (data.resource_metrics if data is not None else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == DURATION
            for point in metric.data.data_points
            if ERROR_TYPE in (point.attributes or {})
        )

    def _work(self, seconds: float, *, failing: bool = True) -> Iterator[None]:
        """The load, for so long and until an attempt fails, if one is to; yields now and then."""
        began = time.monotonic()
        first = self._turns
        failed = self._failed_attempts()
        while (passed := time.monotonic() - began) < seconds or (failing and self._failed_attempts() == failed):
            while self._turns - first < passed * self._rate:
                self._turns += 1
                one_turn(self._turns)
            time.sleep(_TICK_S)
            yield

    def _overflow(self) -> Iterator[None]:
        """As many spans as the queue holds and a fifth more, as fast as they can be made."""
        wanted = len(self._created.ids) + self._delivery.capacity * 6 // 5
        failed = self._failed_attempts()
        while len(self._created.ids) < wanted:
            self._turns += 1
            one_turn(self._turns)
            if self._turns % 100 == 0:
                yield
        while self._failed_attempts() == failed:
            time.sleep(_TICK_S)
            yield

    def _drain(self) -> None:
        deadline = time.monotonic() + _DRAIN_S
        while self._delivery.queued and time.monotonic() < deadline:
            time.sleep(_TICK_S)

    def _phase(self, name: str, mode: str, load: Iterator[None], settle: Callable[[], object]) -> Phase:
        spans, dropped = len(self._created.ids), self._delivery.dropped_by_reason
        warnings, failed = self._warnings.count, self._failed_attempts()
        self._receiver.become(mode)
        began, cpu, peak_mb = time.monotonic(), time.process_time(), rss_mb()
        for _ in load:
            peak_mb = max(peak_mb, rss_mb())
        seconds, cpu = time.monotonic() - began, time.process_time() - cpu
        waited, failed = self._delivery.queued, self._failed_attempts() - failed
        began = time.monotonic()
        settle()
        drained_s = time.monotonic() - began
        created = set(self._created.ids[spans:])
        received = Counter(each for each in self._receiver.received() if each in created)
        return Phase(
            phase=name,
            seconds=round(seconds, 1),
            created=len(self._created.ids) - spans,
            delivered=len(received),
            twice=sum(times > 1 for times in received.values()),
            dropped={
                reason: count - dropped.get(reason, 0)
                for reason, count in self._delivery.dropped_by_reason.items()
                if count != dropped.get(reason, 0)
            },
            waited=waited,
            queued=self._delivery.queued,
            drained_s=round(drained_s, 1),
            cpu_s=round(cpu, 2),
            peak_mb=round(max(peak_mb, rss_mb())),
            failed_attempts=failed,
            warnings=self._warnings.count - warnings,
        )

    def _back(self) -> None:
        self._receiver.become("ok")
        self._drain()

    def phases(self, absent_s: float, others_s: float) -> Iterator[Phase]:
        """All of them, one after another; the last is the application's shutdown."""
        yield self._phase("ok", "ok", self._work(others_s, failing=False), self._back)
        yield self._phase("absent", "absent", self._work(absent_s), self._back)
        for mode in PASSING:
            yield self._phase(mode, mode, self._work(others_s), self._back)
        # What is refused is settled while it is refused.
        yield self._phase("refusing", "refusing", self._work(others_s), self._drain)
        yield self._phase("absent, queue full", "absent", self._overflow(), self._back)
        yield self._phase("absent at shutdown", "absent", self._work(others_s), agentsight.shutdown)


def measure(seconds: float, *, others_s: float, rate: float, max_queue_spans: int, attempt_s: float) -> list[Phase]:
    """Both protocols at once, each in a process of its own; a phase's name begins with the protocol's."""
    given = {
        "seconds": seconds,
        "others-seconds": others_s,
        "turns-a-second": rate,
        "max-queue-spans": max_queue_spans,
        "attempt-seconds": attempt_s,
    }
    command = [sys.executable, "-m", "benchmarks.outage", *(f"--{name}={value}" for name, value in given.items())]
    senders = [
        subprocess.Popen(
            [*command, "--sender", protocol],
            cwd=ROOT,
            env=os.environ | {"OTEL_EXPORTER_OTLP_PROTOCOL": protocol},
            stdout=subprocess.PIPE,
            text=True,
        )
        for protocol in PROTOCOLS
    ]
    found = []
    for protocol, sender in zip(PROTOCOLS, senders, strict=True):
        output, _ = sender.communicate()
        if sender.returncode:
            raise RuntimeError(f"the sender over {protocol} ended with {sender.returncode}")
        for line in output.splitlines():
            phase = Phase(**json.loads(line))
            phase.phase = f"{protocol}: {phase.phase}"
            found.append(phase)
    return found


def table(phases: list[Phase]) -> str:
    """For people, in Markdown."""
    names = [field.name for field in fields(Phase)] + ["unaccounted"]
    rows = [names, ["---"] * len(names)]
    for phase in phases:
        said = asdict(phase) | {"unaccounted": phase.unaccounted}
        said["dropped"] = ", ".join(f"{count} {reason}" for reason, count in phase.dropped.items()) or 0
        rows.append([str(said[name]) for name in names])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300, help="how long the collector is absent")
    parser.add_argument("--others-seconds", type=float, default=10, help="how long each of the other phases fails")
    parser.add_argument("--turns-a-second", type=float, default=30, help="of three spans each")
    parser.add_argument("--max-queue-spans", type=int, default=50_000)
    parser.add_argument("--attempt-seconds", type=float, default=10, help="the longest attempt")
    parser.add_argument("--sender", choices=PROTOCOLS, help="be the sender over this protocol; used by the script")
    options = parser.parse_args()
    if options.sender:
        with tempfile.TemporaryDirectory() as folder, faulty_receiver(options.sender, Path(folder)) as receiver:
            sender = Sender(receiver, options.turns_a_second, options.max_queue_spans, options.attempt_seconds)
            for phase in sender.phases(options.seconds, options.others_seconds):
                print(json.dumps(asdict(phase)), flush=True)
        return
    phases = measure(
        options.seconds,
        others_s=options.others_seconds,
        rate=options.turns_a_second,
        max_queue_spans=options.max_queue_spans,
        attempt_s=options.attempt_seconds,
    )
    print(table(phases))
    sys.exit(any(phase.unaccounted for phase in phases))


if __name__ == "__main__":
    main()
