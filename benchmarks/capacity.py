"""From messages a day to cores, memory, disks, collectors and shards: the model behind docs/capacity.md.

    python -m benchmarks.capacity                                  # the worked examples of docs/capacity.md
    python -m benchmarks.capacity --messages 5e6 --raw-days 30     # yours
    python -m benchmarks.capacity --check                          # what it says of runs that were measured

What a thing costs is measured (docs/benchmarks.md), on one core of the machine named there. What a conversation is
like, how long is kept and how full machines may be are choices: all of them are arguments.
"""

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

DAY_S = 86_400
MILLION = 1_000_000


@dataclass(frozen=True)
class Load:
    """What is asked of an installation, and of what it is built.

    Attributes:
        messages: Messages a day.
        messages_per_conversation: On average.
        spans_per_message: Turns, tools and model calls by message; a message itself is an event and no span.
        peak: How many times the average arrives in the busiest minutes.
        raw_days: Days for which spans are kept.
        rollup_days: Days for which figures are kept.
        copies: Replicas of each shard.
        outage_hours: Hours without ClickHouse that the collectors' queues outlast, at the average.
        insert_every_s: Seconds from one INSERT of a collector to its next.
        full: The share of a core that may be used at the peak, and of a disk.
        window_days: The window of a dashboard.
        collector_cores: Cores of one collector.
        cores: Cores of one ClickHouse server.
        disk_gb: Disk of one ClickHouse server.
        core_month: Price of a core a month, with 4 GiB of memory, in your currency.
        gb_month: Price of a GB of disk a month.
    """

    messages: float = 1e6
    messages_per_conversation: float = 8
    spans_per_message: float = 1.5
    peak: float = 3
    raw_days: float = 90
    rollup_days: float = 730
    copies: int = 2
    outage_hours: float = 4
    insert_every_s: float = 2
    full: float = 0.6
    window_days: float = 30
    collector_cores: int = 4
    cores: int = 16
    disk_gb: float = 4_000
    core_month: float = 30
    gb_month: float = 0.1


@dataclass(frozen=True)
class Plan:
    """What a load takes.

    Attributes:
        spans: Spans a second at the peak.
        agent_cores: In all agents together, at the peak.
        collectors: Of `collector_cores` each; never fewer than two.
        collector_mib: Memory of each.
        queue_gb: Disk of each, the same again for compacting included.
        insert_rows: Rows of one INSERT into one shard, at the peak.
        shards: As many as processors, disks or both ask for.
        insert_cores: Of each shard for INSERTs, at the peak.
        background_cores: Of each shard for resolving conversations, at the peak.
        disk_gb: Of each server.
        window_s: All 15 views of the window, one after the other, by a shard with nothing else to do.
        window_mib: The largest memory of one of them on a shard.
        bottleneck: What asks for the most shards, or else comes first when messages grow.
        month: Price a month.
    """

    spans: float
    agent_cores: float
    collectors: int
    collector_mib: float
    queue_gb: float
    insert_rows: float
    shards: int
    insert_cores: float
    background_cores: float
    disk_gb: float
    window_s: float
    window_mib: float
    bottleneck: str
    month: float


# In the agent: processor time of a turn with two messages and two tools (sdk_overhead.py).
TURN_US = 141
# In the collector: spans a second and core, memory, and bytes of its queue a span (collector_load.py).
COLLECTOR_SPANS, COLLECTOR_MIB, QUEUE_BYTES = 16_700, 366, 860
# In ClickHouse, for an INSERT: processor time to plan its views, and for a span, stored, derived and merged.
INSERT_MS, ROW_US = 100, 31
# In the background: processor time for a conversation that is touched.
RESOLVE_US = 100
# On disk: a span with sentences for texts, and what is derived of a conversation.
SPAN_BYTES, CONVERSATION_BYTES = 35, 100
# All 15 views, one after the other: processor time to plan them, and for a conversation of the window.
PLAN_MS, SCAN_US = 500, 10
# The largest memory of a view: with nothing in the window, and for a conversation in it.
VIEW_MIB, VIEW_BYTES = 30, 150
# How much of a server's cores a view uses.
PARALLEL = 0.5


def insert_cores(spans: float, inserts: float) -> float:
    """Cores of ClickHouse that spans a second take, in so many INSERTs a second."""
    return spans * ROW_US / MILLION + inserts * INSERT_MS / 1_000


def views_s(conversations: float) -> float:
    """Processor time of all 15 views of a window with so many conversations, in seconds."""
    return PLAN_MS / 1_000 + conversations * SCAN_US / MILLION


def view_mib(conversations: float) -> float:
    """The largest memory of a view of a window with so many conversations."""
    return VIEW_MIB + conversations * VIEW_BYTES / 2**20


def disk_bytes(spans: float, conversations: float) -> float:
    """Bytes on disk of spans, and of what is derived of conversations."""
    return spans * SPAN_BYTES + conversations * CONVERSATION_BYTES


def plan(load: Load) -> Plan:
    """What a load takes.

    Args:
        load: The load, and the machines.
    """
    conversations = load.messages / load.messages_per_conversation
    spans = load.messages * load.spans_per_message
    peak = spans / DAY_S * load.peak
    touched = conversations / DAY_S * load.peak
    collectors = max(2, math.ceil(peak / (COLLECTOR_SPANS * load.collector_cores * load.full)))
    queue = spans / DAY_S * load.outage_hours * 3_600 * QUEUE_BYTES * 2 / collectors

    inserts = collectors / load.insert_every_s  # each of them reaches each shard
    whole = disk_bytes(spans * load.raw_days, conversations * load.rollup_days) / 1e9
    disks = whole / (load.disk_gb * load.full)
    usable = load.cores * load.full - inserts * INSERT_MS / 1_000
    if usable <= 0:
        raise ValueError(
            f"{collectors} collectors plan more INSERTs than a shard can: expected a longer insert_every_s"
        )
    processors = (insert_cores(peak, 0) + touched * RESOLVE_US / MILLION) / usable
    shards = max(1, math.ceil(disks), math.ceil(processors))

    servers = shards * load.copies
    in_window = conversations * load.window_days / shards
    window_s = views_s(in_window) / (load.cores * PARALLEL)
    cores = collectors * load.collector_cores + servers * load.cores
    return Plan(
        spans=peak,
        agent_cores=load.messages / 2 / DAY_S * load.peak * TURN_US / MILLION,
        collectors=collectors,
        collector_mib=COLLECTOR_MIB,
        queue_gb=queue / 1e9,
        insert_rows=peak / shards / inserts,
        shards=shards,
        insert_cores=insert_cores(peak / shards, inserts),
        background_cores=touched / shards * RESOLVE_US / MILLION,
        disk_gb=whole / shards,
        window_s=window_s,
        window_mib=view_mib(in_window),
        bottleneck="the window's views" if window_s > 10 else "disks" if disks > processors else "processors",
        month=cores * load.core_month + (servers * whole / shards + collectors * queue / 1e9) * load.gb_month,
    )


EXAMPLES = {
    "1 million": Load(messages=1e6, copies=1, cores=4, collector_cores=1),
    "100 million": Load(messages=1e8),
    "10 billion": Load(messages=1e10, cores=64, disk_gb=15_000, collector_cores=8, insert_every_s=10),
}
"""Messages a day, and the machines they are planned for."""

MEASURED: list[tuple[str, float, float]] = []
"""Of docs/benchmarks.md: what was measured, how much, and what the model says."""


def lines(plans: dict[str, Plan]) -> Iterator[str]:
    """A table of plans, in Markdown."""
    yield "| messages a day | " + " | ".join(plans) + " |"
    yield "|---|" + "---|" * len(plans)
    for row in ROWS:
        title, unit, digits = row
        yield f"| {title} | " + " | ".join(_cell(getattr(each, unit), digits) for each in plans.values()) + " |"


ROWS = (
    ("spans a second at the peak", "spans", 0),
    ("cores of all agents together", "agent_cores", 2),
    ("collectors", "collectors", 0),
    ("memory of each, MiB", "collector_mib", 0),
    ("disk for the queue of each, GB", "queue_gb", 1),
    ("shards", "shards", 0),
    ("rows of an INSERT into a shard", "insert_rows", 0),
    ("cores of a shard for INSERTs", "insert_cores", 2),
    ("cores of a shard to resolve conversations", "background_cores", 2),
    ("disk of each server, GB", "disk_gb", 0),
    ("all 15 views of the window, s", "window_s", 1),
    ("the largest memory of one, MiB", "window_mib", 0),
    ("a month, in your currency", "month", 0),
    ("what gives out first", "bottleneck", 0),
)


def _cell(value: float | str, digits: int) -> str:
    return value if isinstance(value, str) else f"{value:,.{digits}f}"


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--check", action="store_true", help="hold the model against what was measured")
    for field in fields(Load):
        default = Load.__dataclass_fields__[field.name].default
        arguments.add_argument(f"--{field.name.replace('_', '-')}", type=type(default), help=f"default {default:g}")
    options = vars(arguments.parse_args())
    if options.pop("check"):
        for what, measured, modelled in MEASURED:
            print(f"{what:78}{measured:12,.2f}{modelled:12,.2f}{modelled / measured:8.2f}")
        return 0
    own = {name: value for name, value in options.items() if value is not None}
    plans = (
        {f"{own['messages']:,.0f}": plan(Load(**own))}
        if "messages" in own
        else {name: plan(replace(load, **own)) for name, load in EXAMPLES.items()}
    )
    print("\n".join(lines(plans)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
