"""What one turn costs: by this SDK, by hand-written OpenTelemetry spans, and by others (``sdk_contenders``).

    python benchmarks/sdk_overhead.py [--rounds 30] [--only "by hand,agentsight_otel"]

Four figures: the processor time of the whole process, and of the caller's thread, a turn, in sustained load, until all
of it was exported; memory a span that waits in the queue; and what a decorated call costs where nothing is recorded.
The exporter does nothing. Each contender runs in a process of its own, the others' in environments that uv makes; they
take their rounds by turns, and of the rounds' ratios the median counts.
"""

import argparse
import gc
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from sdk_contenders import CONTENDERS

WARM_UP_TURNS = 1_000
TURNS = 1_000
QUEUED_TURNS = 3_000
REMEMBERED_TURNS = 11_000
"""What is remembered of so many conversations, at most, is no part of the queue."""


class Nowhere(SpanExporter):
    """Does nothing; while it is told to wait, not even that."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.spans = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.spans += len(spans)
        self.may_go_on.wait()
        return SpanExportResult.SUCCESS


class Round(NamedTuple):
    """One contender's, in microseconds a turn."""

    process_us: float
    thread_us: float


def measure(contender: str) -> None:
    """In the contender's process: a round for each line read; ``memory`` asks for bytes a queued span."""
    exporter = Nowhere()
    turn, flush = CONTENDERS[contender][0](exporter)
    taken = 0

    def take(turns: int) -> None:
        nonlocal taken
        for number in range(taken, taken + turns):
            turn(number)
        taken += turns

    take(WARM_UP_TURNS)
    flush()
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "memory":
            print(queued_bytes(exporter, take, flush), flush=True)
            continue
        gc.collect()
        process_s, thread_s = time.process_time(), time.thread_time()
        take(TURNS)
        thread_s = time.thread_time() - thread_s
        flush()
        process_s = time.process_time() - process_s
        print(f"{process_s / TURNS * 1e6} {thread_s / TURNS * 1e6}", flush=True)


def queued_bytes(exporter: Nowhere, take: Callable[[int], None], flush: Callable[[], object]) -> float:
    tracemalloc.start()
    take(REMEMBERED_TURNS)
    flush()
    exported = exporter.spans
    exporter.may_go_on.clear()
    take(200)
    time.sleep(2)  # until it is stuck in the exporter
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    stuck = exporter.spans
    take(QUEUED_TURNS)
    time.sleep(2)  # until what is done to them in the background is done
    gc.collect()
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    exporter.may_go_on.set()
    flush()
    assert stuck > exported, "nothing was exported"
    return held / (exporter.spans - stuck)


def start(contender: str, package: str | None, folder: Path) -> "subprocess.Popen[str]":
    python = sys.executable
    if package is not None:
        environment = folder / contender.replace(" ", "_")
        subprocess.run(["uv", "venv", "-q", "--python", sys.executable, str(environment)], check=True)
        python = str(environment / "bin" / "python")
        subprocess.run(["uv", "pip", "install", "-q", "--python", python, *package.split()], check=True)
    return subprocess.Popen(
        [python, __file__, "--measure", contender],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def answer_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    while line := process.stdout.readline():
        if line.strip() == "ready" or line[0].isdigit():  # some say hello first
            return line
    raise SystemExit(f"{process.args}: exit status {process.wait()}")


def asked(process: "subprocess.Popen[str]", question: str) -> list[float]:
    assert process.stdin is not None
    process.stdin.write(question + "\n")
    process.stdin.flush()
    return [float(figure) for figure in answer_of(process).split()]


def compare(names: Sequence[str], rounds: int) -> tuple[dict[str, list[Round]], dict[str, float]]:
    """The rounds of each contender, and bytes a queued span."""
    taken: dict[str, list[Round]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        processes: dict[str, Any] = {name: start(name, CONTENDERS[name][1], Path(folder)) for name in names}
        for process in processes.values():
            answer_of(process)
        for _ in range(rounds):
            for name, process in processes.items():
                taken[name].append(Round(*asked(process, "round")))
        memory = {name: asked(process, "memory")[0] for name, process in processes.items()}
        for process in processes.values():
            process.kill()
            process.wait(30)
    return taken, memory


def ratio(times: Sequence[float], base: Sequence[float]) -> float:
    return statistics.median(one / other for one, other in zip(times, base, strict=True))


def disabled() -> dict[str, float]:
    """Nanoseconds a decorated call costs before ``init()``, beyond the call itself."""
    import agentsight_otel as agentsight

    def plain(x: int) -> int:
        return x

    decorated = {
        "tool": agentsight.tool(plain),
        "turn": agentsight.turn(plain),
        "task": agentsight.task(plain),
        "conversation": agentsight.conversation("c")(plain),
    }

    def ns(function: Callable[[int], int]) -> float:
        began = time.perf_counter_ns()
        for number in range(100_000):
            function(number)
        return (time.perf_counter_ns() - began) / 100_000

    return {name: statistics.median(ns(function) - ns(plain) for _ in range(7)) for name, function in decorated.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--only", default=",".join(CONTENDERS))
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure)
        return
    names = options.only.split(",")
    taken, memory = compare(names, options.rounds)
    base = taken[names[0]]
    print(f"| | process, µs a turn | beside {names[0]} | caller's thread | beside {names[0]} | bytes a queued span |")
    print("|---|---|---|---|---|---|")
    for name, rounds in taken.items():
        process, thread = ([one[column] for one in rounds] for column in (0, 1))
        process_ratio, thread_ratio = (
            ratio(times, [one[column] for one in base]) for column, times in enumerate((process, thread))
        )
        print(
            f"| {name} | {statistics.median(process):.0f} | {process_ratio:.2f} | {statistics.median(thread):.0f} "
            f"| {thread_ratio:.2f} | {memory[name]:.0f} |"
        )
    print("\n| disabled: | ns a decorated call |\n|---|---|")
    for name, ns in disabled().items():
        print(f"| {name} | {ns:.0f} |")


if __name__ == "__main__":
    main()
