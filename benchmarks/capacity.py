"""What a load needs: processors, memory, disk, shards and collectors, by a model of measured constants.

    python -m benchmarks.capacity                         the tables of docs/capacity.md
    python -m benchmarks.capacity --messages 2.5e6        what so many messages a day need

`MEASUREMENTS` are what the constants were taken from, and what the model has to reproduce within 25 %: other windows,
histories and sizes of INSERTs.
"""

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

DAY_S = 86_400
GIB = 2**30


@dataclass(frozen=True)
class Constants:
    """What things cost. Seconds are of processor time on the machine of docs/capacity.md, bytes are on disk.

    Attributes:
        collector_s: The collector, a span.
        collector_mib: The collector's memory, nothing being queued.
        queued_bytes: In the collector's queue, a span.
        insert_s: ClickHouse, an INSERT of whatever size: the views are planned anew for each.
        stored_s: ClickHouse, a span: received, stored, put into the rollups, merged.
        planned_s: ClickHouse, the 15 views: planned.
        conversation_s: ClickHouse, the 15 views, a conversation of their window.
        live_s: ClickHouse, the 15 views, a conversation that spans arrived for a moment ago.
        derived_s: ClickHouse, a span of other SDKs, beside all that: derived from.
        raw_bytes: A span as it came.
        rollup_bytes: What the rollups keep of a span.
    """

    collector_s: float = 54e-6
    collector_mib: float = 384
    queued_bytes: float = 860
    insert_s: float = 0.29
    stored_s: float = 24e-6
    planned_s: float = 0.43
    conversation_s: float = 0.85e-6
    live_s: float = 47e-6
    derived_s: float = 83e-6
    raw_bytes: float = 66.6
    rollup_bytes: float = 32.5


MEASURED = Constants()


@dataclass(frozen=True)
class Measurement:
    """A figure of a benchmark, and what the model says it is.

    Attributes:
        of: Benchmark and figure.
        unit: Of both.
        measured: What the benchmark printed.
        modelled: What the model makes of the constants.
        gives: The constant that was taken from it; empty where the model has to reproduce it.
    """

    of: str
    unit: str
    measured: float
    modelled: Callable[[Constants], float]
    gives: str = ""

    @property
    def error(self) -> float:
        """How far the model is off, as a share of what was measured."""
        return self.modelled(MEASURED) / self.measured - 1


def views_s(conversations: float, live: float = 0) -> Callable[[Constants], float]:
    """The 15 views, one after the other."""
    return lambda constants: constants.planned_s + conversations * constants.conversation_s + live * constants.live_s


def stored_us(spans: float) -> Callable[[Constants], float]:
    """What a span costs ClickHouse, INSERTs having so many."""
    return lambda constants: (constants.stored_s + constants.insert_s / spans) * 1e6


@dataclass(frozen=True)
class Load:
    """What comes, and what is asked.

    Attributes:
        messages: A day.
        spans_per_message: Of all spans: turns, tools, model calls.
        messages_per_conversation: On average.
        peak: The busiest hour's rate, beside the day's average.
        raw_days: How long spans are kept.
        rollup_days: How long rollups are kept.
        foreign: The share of spans that other SDKs recorded.
        loads_per_minute: How often somebody opens or refreshes an overview.
        window_days: What it shows.
        outage_s: How long the collectors' queues hold what comes at the peak.
    """

    messages: float
    spans_per_message: float = 1.6
    messages_per_conversation: float = 7
    peak: float = 3
    raw_days: int = 30
    rollup_days: int = 365
    foreign: float = 0
    loads_per_minute: float = 2
    window_days: int = 30
    outage_s: float = 3_600


@dataclass(frozen=True)
class Node:
    """A machine, and what it costs a month, in whatever currency."""

    cores: int = 8
    disk_gib: int = 2_000
    core_price: float = 25
    gib_price: float = 0.08


BUSY = 0.6
"""The share of a processor that is planned with: merges come in bursts, and a replica may have to do another's work."""
INSERT_S = 2
"""The collector's interval between INSERTs."""
INSERT_SPANS = 10_000
"""A collector sends an INSERT sooner where it has as many spans: 8 MiB."""
COLLECTOR_CORES = 2
LIVE_S = 70
"""How long a conversation is resolved by queries after spans arrived for it, at most."""


@dataclass(frozen=True)
class Plan:
    """What a load needs.

    Attributes:
        spans_s: Spans a second at the peak.
        collectors: Of two cores each.
        queue_gib: Of all collectors' disks.
        cores: Of ClickHouse, at the peak, by what needs them: storing, planning INSERTs, deriving, answering.
        disk_gib: Of ClickHouse, one replica.
        shards: Machines of the kind given.
        answer_s: How long the 15 views take for the window, one after the other, on the shards.
        bottleneck: What needs most of a single machine.
        month: What it costs, one replica.
    """

    spans_s: float
    collectors: int
    queue_gib: float
    cores: dict[str, float]
    disk_gib: float
    shards: int
    answer_s: float
    bottleneck: str
    month: float


def plan(load: Load, node: Node = Node(), constants: Constants = MEASURED) -> Plan:
    """The machines that a load needs."""
    average = load.messages * load.spans_per_message / DAY_S
    peak = average * load.peak
    collectors = max(1, math.ceil(peak * constants.collector_s / BUSY / COLLECTOR_CORES))
    inserts = min(peak, max(collectors / INSERT_S, peak / INSERT_SPANS))
    in_window = load.messages / load.messages_per_conversation * load.window_days
    live = load.messages / load.messages_per_conversation / DAY_S * load.peak * LIVE_S
    views = views_s(in_window, live)(constants)
    cores = {
        "storing": peak * constants.stored_s,
        "planning INSERTs": inserts * constants.insert_s,
        "deriving": peak * load.foreign * constants.derived_s,
        "answering": load.loads_per_minute / 60 * views,
    }
    spans_a_day = load.messages * load.spans_per_message
    disk_gib = spans_a_day * (load.raw_days * constants.raw_bytes + load.rollup_days * constants.rollup_bytes) / GIB
    # A third is left free, for merges and what comes.
    needs = {f"processors: {name}": used / BUSY / node.cores for name, used in cores.items()}
    needs["disk"] = disk_gib * 1.5 / node.disk_gib
    needs["views that answer within 5 s"] = (constants.planned_s + (views - constants.planned_s) / node.cores) / 5
    by_cores = sum(cores.values()) / BUSY / node.cores
    shards = max(1, math.ceil(by_cores), math.ceil(needs["disk"]))
    return Plan(
        spans_s=peak,
        collectors=collectors,
        queue_gib=peak * load.outage_s * constants.queued_bytes / GIB,
        cores=cores,
        disk_gib=disk_gib,
        shards=shards,
        answer_s=constants.planned_s + (views - constants.planned_s) / shards / node.cores,
        bottleneck=max(needs, key=lambda name: needs[name]),
        month=shards * (node.cores * node.core_price + node.disk_gib * node.gib_price)
        + collectors * COLLECTOR_CORES * node.core_price,
    )


VIEWS = "15 views, {spans} million spans, {days}"
COLLECTOR = "collector_load, {spans:,} spans an INSERT"

MEASUREMENTS = (
    Measurement(VIEWS.format(spans=10, days="24 h"), "s", 0.455, views_s(877_192 / 90), "their planning"),
    Measurement(VIEWS.format(spans=50, days="90 days"), "s", 4.146, views_s(4_385_964), "their cost by conversation"),
    Measurement(VIEWS.format(spans=10, days="7 days"), "s", 0.541, views_s(877_192 / 90 * 7)),
    Measurement(VIEWS.format(spans=10, days="30 days"), "s", 0.722, views_s(877_192 / 3)),
    Measurement(VIEWS.format(spans=10, days="90 days"), "s", 1.276, views_s(877_192)),
    Measurement(VIEWS.format(spans=50, days="24 h"), "s", 0.459, views_s(4_385_964 / 90)),
    Measurement(VIEWS.format(spans=50, days="7 days"), "s", 0.722, views_s(4_385_964 / 90 * 7)),
    Measurement(VIEWS.format(spans=50, days="30 days"), "s", 1.675, views_s(4_385_964 / 3)),
    Measurement(
        VIEWS.format(spans=10, days="24 h") + ", 20,000 conversations live",
        "s",
        1.385,
        views_s(877_192 / 90, 20_000),
        "their cost by live conversation",
    ),
    Measurement(
        COLLECTOR.format(spans=10_500) + ": ClickHouse", "µs a span", 56.8, stored_us(10_500), "storing, INSERTs"
    ),
    Measurement(
        COLLECTOR.format(spans=2_600) + ": ClickHouse", "µs a span", 144.3, stored_us(2_600), "storing, INSERTs"
    ),
    Measurement(COLLECTOR.format(spans=14_800) + ", on 29 November: ClickHouse", "µs a span", 37.9, stored_us(14_800)),
    Measurement(
        COLLECTOR.format(spans=2_600) + ": collector",
        "µs a span",
        54.2,
        lambda each: each.collector_s * 1e6,
        "the collector",
    ),
    Measurement(COLLECTOR.format(spans=10_500) + ": collector", "µs a span", 51.1, lambda each: each.collector_s * 1e6),
    Measurement(
        COLLECTOR.format(spans=14_800) + ", on 29 November: collector",
        "µs a span",
        59.9,
        lambda each: each.collector_s * 1e6,
    ),
    Measurement(
        "10 million spans: disk, as they came", "GB", 0.6654, lambda each: 10.007e-3 * each.raw_bytes, "raw bytes"
    ),
    Measurement(
        "10 million spans: disk, rollups", "GB", 0.3252, lambda each: 10.007e-3 * each.rollup_bytes, "bytes of rollups"
    ),
    Measurement("50 million spans: disk, as they came", "GB", 3.318, lambda each: 50.008e-3 * each.raw_bytes),
    Measurement("50 million spans: disk, rollups", "GB", 1.624, lambda each: 50.008e-3 * each.rollup_bytes),
)
"""On 30 November 2026, where nothing else is said; seconds and microseconds of processor time."""

EXAMPLES = {
    "1 million": Load(1e6),
    "100 million": Load(100e6),
    "10 billion": Load(10e9, raw_days=7, rollup_days=90, loads_per_minute=1, window_days=1),
}
"""Messages a day."""


def short(number: float) -> str:
    """A number with two digits that matter, or whole."""
    if number and abs(number) < 10:
        return f"{number:.2g}"
    return f"{number:,.0f}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *rows))


def tables() -> list[str]:
    """Those of docs/capacity.md."""
    return [constants_table(), measurements_table(), examples_table(EXAMPLES)]


def rules() -> list[str]:
    """What docs/capacity.md says of the constants, and of the examples, in words."""
    large = EXAMPLES["100 million"]
    in_window = large.messages / large.messages_per_conversation * large.window_days / 1e6
    return [
        f"a core takes {1 / MEASURED.collector_s:,.0f} spans a second",
        f"each costs ClickHouse {short(MEASURED.insert_s)} s whatever its size",
        f"{short(MEASURED.stored_s * 1e6)} µs of a core a span, merges included",
        f"{short(MEASURED.raw_bytes)} bytes a span as it came, {short(MEASURED.rollup_bytes)} in the rollups",
        f"{short(MEASURED.derived_s * 1e6)} µs of a core each",
        f"goes through {short(in_window)} million conversations",
    ]


def constants_table() -> str:
    """The constants, as docs/capacity.md has them."""
    return table(
        ("constant", "value"),
        [
            ("collector, a span", f"{short(MEASURED.collector_s * 1e6)} µs of a core"),
            ("ClickHouse: an INSERT, whatever its size", f"{short(MEASURED.insert_s)} s of a core"),
            (
                "ClickHouse: a span received, stored, put into rollups, merged",
                f"{short(MEASURED.stored_s * 1e6)} µs of a core",
            ),
            ("ClickHouse: the 15 views planned", f"{short(MEASURED.planned_s)} s of a core"),
            (
                "ClickHouse: the 15 views, a conversation of their window",
                f"{short(MEASURED.conversation_s * 1e6)} µs of a core",
            ),
            (
                f"ClickHouse: the 15 views, a conversation of the last {LIVE_S} s",
                f"{short(MEASURED.live_s * 1e6)} µs of a core",
            ),
            ("ClickHouse: a span of other SDKs, derived from", f"{short(MEASURED.derived_s * 1e6)} µs of a core"),
            ("disk: a span as it came", f"{short(MEASURED.raw_bytes)} bytes"),
            ("disk: what the rollups keep of it", f"{short(MEASURED.rollup_bytes)} bytes"),
            ("collector's queue: a span", f"{short(MEASURED.queued_bytes)} bytes"),
            ("collector's memory, nothing being queued", f"{short(MEASURED.collector_mib)} MiB"),
        ],
    )


def measurements_table() -> str:
    """What was measured, beside what the model says."""
    return table(
        ("measured", "figure", "model", "off by"),
        [
            (
                each.of,
                f"{short(each.measured)} {each.unit}",
                f"{short(each.modelled(MEASURED))} {each.unit}",
                f"gives {each.gives}" if each.gives else f"{each.error:+.0%}",
            )
            for each in MEASUREMENTS
        ],
    )


def examples_table(loads: Mapping[str, Load]) -> str:
    """What loads need, each with its messages a day for a name."""
    plans = {name: plan(load) for name, load in loads.items()}
    windows = [short(load.window_days) for load in loads.values()]

    def row(what: str, figure: Callable[[Plan], str]) -> tuple[str, ...]:
        return (what, *(figure(each) for each in plans.values()))

    return table(
        ("messages a day", *plans),
        [
            ("an overview's window, days", *windows),
            row("spans a second, at the peak", lambda each: short(each.spans_s)),
            row(f"collectors of {COLLECTOR_CORES} cores", lambda each: short(each.collectors)),
            row("their queues, for an hour without ClickHouse, GiB", lambda each: short(each.queue_gib)),
            *(
                row(f"ClickHouse's cores: {name}", lambda each, name=name: short(each.cores[name]))  # type: ignore[misc]
                for name in next(iter(plans.values())).cores
            ),
            row("ClickHouse's disk, GiB", lambda each: short(each.disk_gib)),
            row(f"shards of {Node().cores} cores and {Node().disk_gib:,} GiB", lambda each: short(each.shards)),
            row("all 15 views for the window, one after the other, s", lambda each: short(each.answer_s)),
            row("first bottleneck of one machine", lambda each: each.bottleneck),
            row("a month, one replica", lambda each: short(each.month)),
        ],
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--messages", type=float, help="a day")
    for name in ("spans-per-message", "peak", "foreign", "loads-per-minute"):
        arguments.add_argument(f"--{name}", type=float, default=getattr(Load(0), name.replace("-", "_")))
    for name in ("raw-days", "rollup-days", "window-days"):
        arguments.add_argument(f"--{name}", type=int, default=getattr(Load(0), name.replace("-", "_")))
    options = vars(arguments.parse_args())
    if options["messages"] is not None:
        print(examples_table({short(options["messages"]): Load(**options)}))
        return
    print(*tables(), *rules(), sep="\n\n")


if __name__ == "__main__":
    main()
