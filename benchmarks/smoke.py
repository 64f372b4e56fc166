"""Whether views and inserts still cost what they should, in under three minutes: for CI.

    python -m benchmarks.smoke

Compares ratios of processor time within one run with the bounds in ``smoke_bounds.json``, as times differ from machine
to machine. Exits with 1 where one is out of its bound, and names it.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.local import EmbeddedClickHouse
from benchmarks.generated_spans import END, SPANS_PER_CONVERSATION, inserts
from benchmarks.measuring import Cost, cost, settle_at_once, view_costs
from benchmarks.views_at_scale import BY_HAND, FILTERS, insert_ratio, window

SPANS = 500_000
BOUNDS = Path(__file__).with_name("smoke_bounds.json")


def main() -> int:
    bounds = json.loads(BOUNDS.read_text())
    failed = []
    with tempfile.TemporaryDirectory() as folder, EmbeddedClickHouse(folder) as server:
        url = server.url("smoke")
        schema.apply(url)
        with clickhouse_client.connect(url) as client:
            for name, ratio in ratios(client):
                bound = bounds[name]
                is_kept = ratio <= bound
                print(f"{'ok  ' if is_kept else 'FAIL'} {name}: {ratio:.2f}, bound {bound}", flush=True)
                failed += [] if is_kept else [name]
    if failed:
        print(f"out of bounds: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def ratios(client: Any) -> Iterator[tuple[str, float]]:
    """Each ratio by its name, the smaller the better."""
    conversations = int(SPANS / SPANS_PER_CONVERSATION)
    yield "planning: all 15 views, to five queries by hand", total(view_costs(client, window(30), 5)) / by_hand(client)
    fill(client, conversations, conversations // 2, conversations)
    half = total(view_costs(client, window(1), 3))
    fill(client, conversations, 0, conversations // 2)
    yield (
        "24 hours: all 15 views, with twice the history to with it once",
        total(view_costs(client, window(1), 3)) / half,
    )
    whole = {name: total(view_costs(client, window(30, filters), 3)) for name, filters in FILTERS.items()}
    plain, filtered = whole.values()
    yield "30 days: all 15 views, filtered by two to unfiltered", filtered / plain
    yield "30 days: all 15 views, to five queries by hand", plain / by_hand(client)
    for rows in (10_000, 100_000):
        bare, with_views, _ = insert_ratio(client, rows, conversations, 0.2)
        yield f"INSERT of {rows:,} rows: with all views to the bare table", with_views.cpu_ms / bare.cpu_ms


def total(costs: dict[str, Cost]) -> float:
    return sum(measured.cpu_ms for measured in costs.values())


def by_hand(client: Any) -> float:
    asked = {"start": f"{END - timedelta(days=30):%Y-%m-%d %H:%M:%S}", "end": f"{END:%Y-%m-%d %H:%M:%S}"}
    return sum(cost(client, [sql] * 3, asked).cpu_ms for sql in BY_HAND.values())


def fill(client: Any, conversations: int, begin: int, end: int) -> None:
    for sql, _ in inserts("otel_traces", conversations, 20_000, begin, end):
        client.command(sql)
    settle_at_once(client)


if __name__ == "__main__":
    sys.exit(main())
