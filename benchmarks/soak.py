"""Many conversations at once, in tasks and threads, cancelled and left at random: spans in, spans out, memory.

    python benchmarks/soak.py --minutes 10 [--conversations 200]

Every span that starts has to be exported once, whatever becomes of the work; memory has to stay flat. Exits with 1 if
either is not so.
"""

import argparse
import asyncio
import contextlib
import gc
import json
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

import agentsight_otel as agentsight
from agentsight_otel._lifecycle import setup
from agentsight_otel._recording import deadlines
from agentsight_otel.concurrency import ThreadPoolExecutor


class Failure(Exception):
    pass


@dataclass
class Report:
    """What came of it.

    Attributes:
        seconds: How long it ran.
        conversations: How many there were.
        started: Spans that started.
        exported: Spans that were exported.
        twice: Spans that were exported more than once.
        open_turns: Turns that never ended.
        outcomes: Turns by outcome.
        rss_early_mb: Resident memory after the first tenth.
        rss_late_mb: Resident memory at the end.
    """

    seconds: float
    conversations: int
    started: int
    exported: int
    twice: int
    open_turns: int
    outcomes: dict[str, int]
    rss_early_mb: float
    rss_late_mb: float

    @property
    def sound(self) -> bool:
        """Whether nothing was lost, doubled or left behind."""
        grown = self.rss_late_mb - self.rss_early_mb
        return self.started == self.exported > 0 and not self.twice and not self.open_turns and grown < 20


class Starts(SpanProcessor):
    """Counts the spans that start."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.count = 0

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        with self._lock:
            self.count += 1


class Exports(SpanExporter):
    """Counts the spans that are exported."""

    def __init__(self) -> None:
        self.count = 0
        self.twice = 0
        self.outcomes: Counter[str] = Counter()
        self._before: set[int] = set()
        self._recent: set[int] = set()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        for span in spans:
            assert span.context is not None
            self.count += 1
            # Two generations of ids are kept: a span that came twice would come soon.
            self.twice += span.context.span_id in self._recent or span.context.span_id in self._before
            self._recent.add(span.context.span_id)
            attributes = span.attributes or {}
            if "agentsight.turn.complete" in attributes:
                self.outcomes[str(attributes.get("agentsight.turn.incomplete_reason", "complete"))] += 1
        if len(self._recent) > 50_000:
            self._before, self._recent = self._recent, set()
        return SpanExportResult.SUCCESS


@agentsight.tool
def look_up(x: int) -> dict[str, int]:
    return {"x": x}


@agentsight.tool
async def fetch(x: int) -> int:
    await asyncio.sleep(random.random() * 0.01)
    if x % 11 == 0:
        raise Failure
    return x


@agentsight.turn
async def answer(x: int) -> AsyncIterator[str]:
    agentsight.user_message(f"question {x}")
    for part in range(random.randrange(5)):
        await fetch(x + part)
        yield f"part {part}"
    agentsight.agent_message("answer")


@agentsight.turn
def parts(x: int) -> Iterator[str]:
    agentsight.user_message(f"question {x}")
    for part in range(random.randrange(5)):
        look_up(part)
        yield f"part {part}"
    agentsight.agent_message("answer")


@agentsight.turn(timeout_s=0.02)
async def slow(x: int) -> None:
    agentsight.user_message(f"question {x}")
    await asyncio.sleep(random.random() * 0.04)
    agentsight.agent_message("late, at times")


async def stream(x: int) -> None:
    read = answer(x)
    async for _ in read:
        if random.random() < 0.1:
            return  # the loop closes it, when it is collected
        if random.random() < 0.1:
            await read.aclose()  # type: ignore[attr-defined]


async def block(x: int) -> None:
    async with agentsight.turn() as turn:
        agentsight.user_message(f"question {x}")
        with agentsight.generation("model", provider="provider") as call:
            call.usage(10, 5)
        await asyncio.gather(fetch(x), fetch(x + 1))
        turn.agent_message("answer")


async def handed_over(x: int) -> None:
    with agentsight.turn() as turn:
        task = turn.wrap(asyncio.create_task(fetch(x)))
    with contextlib.suppress(Failure):
        await task


def in_thread(x: int) -> None:
    for number, _ in enumerate(parts(x)):
        if number > 2 and random.random() < 0.5:
            return
    agentsight.agent_message("outside a turn")


async def converse(number: int, pool: ThreadPoolExecutor) -> None:
    with agentsight.conversation(f"conversation {number}", device="mobile", source="web"):
        for x in range(random.randrange(1, 6)):
            doing = random.choice((stream, block, handed_over, slow, in_thread))
            work: Any = asyncio.wrap_future(pool.submit(in_thread, x)) if doing is in_thread else doing(x)
            with contextlib.suppress(Failure, asyncio.TimeoutError):
                await asyncio.wait_for(work, random.choice((0.003, 0.01, 1.0)))


def rss_mb() -> float:
    """Resident memory in MB; 0 where /proc is not there."""
    with contextlib.suppress(OSError):
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6
    return 0.0


def soak(seconds: float, conversations: int) -> Report:
    """Runs it."""
    exports, starts = Exports(), Starts()
    agentsight.init(span_exporter=exports, set_global=False, turn_timeout_s=5, schedule_delay_s=0.2)
    assert setup.state.started is not None
    setup.state.started.pipeline.provider.add_span_processor(starts)
    began = time.monotonic()
    early = 0.0
    count = 0

    async def one(pool: ThreadPoolExecutor) -> None:
        nonlocal count, early
        while (passed := time.monotonic() - began) < seconds:
            if not early and passed > seconds / 10:
                gc.collect()
                early = rss_mb()
            count += 1
            await converse(count, pool)

    async def main() -> None:
        with ThreadPoolExecutor(8) as pool:
            await asyncio.gather(*(one(pool) for _ in range(conversations)))

    asyncio.run(main())
    gc.collect()
    late = rss_mb()
    agentsight.flush()
    agentsight.shutdown()
    return Report(
        seconds=time.monotonic() - began,
        conversations=count,
        started=starts.count,
        exported=exports.count,
        twice=exports.twice,
        open_turns=len(deadlines.open_turns),
        outcomes=dict(exports.outcomes),
        rss_early_mb=early,
        rss_late_mb=late,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--conversations", type=int, default=200)
    options = parser.parse_args()
    report = soak(options.minutes * 60, options.conversations)
    print(json.dumps(asdict(report), indent=2))
    sys.exit(0 if report.sound else 1)


if __name__ == "__main__":
    main()
