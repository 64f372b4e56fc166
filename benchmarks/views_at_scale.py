"""What the views cost queries and inserts, on made-up spans in a real ClickHouse, everything measured in one run.

    python -m benchmarks.views_at_scale --spans 5000000

Prints, in this order: planning (each view on an empty database); 24 hours with the latest half of the spans and with
all of them; each view for 24 h, 7, 30 and 90 days, unfiltered and filtered by device and environment, beside the same by
hand on otel_traces; the largest memory of a query; 24 hours with conversations that spans arrived for within the last
minute, which queries resolve themselves; inserts with all views and into the bare table, taking turns; with
`--foreign`, the views once more when so many spans of other SDKs are there as well, and how long they took to derive. Each
figure in ms, with processor time behind it: on a busy machine only that can be compared.
"""

import argparse
import tempfile
import time
from collections.abc import Collection
from datetime import timedelta
from pathlib import Path
from typing import Any

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.local import EmbeddedClickHouse
from agentsight_otel.metrics import METRICS, Window
from benchmarks.generated_spans import (
    COLUMNS,
    END,
    FOREIGN_SPANS_PER_CONVERSATION,
    SPANS_PER_CONVERSATION,
    inserts,
    selected,
)
from benchmarks.measuring import Cost, cost, merge_weeks_before, settle, settle_derivation, view_costs

WINDOWS = {"24 h": 1, "7 d": 7, "30 d": 30, "90 d": 90}
FILTERS = {"unfiltered": {}, "device and environment": {"device": ["mobile"], "environment": ["production"]}}
CONVERSATIONS_AT_ONCE = 20_000
IN_BLOCKS = {"max_insert_block_size": 262_144, "min_insert_block_size_rows": 262_144, "min_insert_block_size_bytes": 0}

_IN_WINDOW = (
    "ConversationId != '' AND Timestamp >= {start:DateTime64(3, 'UTC')} AND Timestamp < {end:DateTime64(3, 'UTC')}"
)
_STARTS = (
    "(SELECT ConversationId, min(Timestamp) AS started, argMinIf(SpanAttributes['agentsight.conversation.device'], Timestamp,"
    " SpanAttributes['agentsight.conversation.device'] != '') AS device, argMaxIf(SpanAttributes['user.id'], Timestamp,"
    f" SpanAttributes['user.id'] != '') AS customer FROM otel_traces WHERE {_IN_WINDOW} GROUP BY ConversationId)"
)
BY_HAND = {
    "metric_total_messages": f"SELECT sum(countEqual(Events.Name, 'agentsight.message')) FROM otel_traces WHERE {_IN_WINDOW}",
    "metric_total_conversations": f"SELECT count() FROM {_STARTS}",
    "metric_device_usage": f"SELECT device, count() FROM {_STARTS} GROUP BY device",
    "metric_individual_users": f"SELECT uniqExact(customer) FROM {_STARTS}",
    "metric_tool_usage": "SELECT SpanAttributes['gen_ai.tool.name'] AS tool, count(), countIf(StatusCode = 'Error'), avg(Duration)"
    f" FROM otel_traces WHERE {_IN_WINDOW} AND SpanAttributes['agentsight.span.kind'] = 'tool' GROUP BY tool",
}
"""As people write it, without a look at what lies before the window: quicker than what is right."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--spans", type=int, default=5_000_000)
    arguments.add_argument(
        "--foreign", type=int, default=0, help="spans of other SDKs, stored after all else was measured"
    )
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--minutes", type=float, default=2, help="of inserts, for each size of batch")
    arguments.add_argument("--data", type=Path, help="keep the data here, and use what is there")
    options = arguments.parse_args()
    conversations = int(options.spans / SPANS_PER_CONVERSATION)
    with tempfile.TemporaryDirectory() as temporary, EmbeddedClickHouse(options.data or temporary) as server:
        print_planning(server)
        url = server.url("scale")
        schema.apply(url)
        with clickhouse_client.connect(url) as client:
            print(f"ClickHouse {client.server_version}, {options.spans:,} spans of {conversations:,} conversations")
            if not client.query("SELECT count() FROM otel_traces").result_rows[0][0]:
                half = conversations // 2
                fill(client, conversations, half, conversations)
                some = view_costs(client, window(1), options.runs)
                fill(client, conversations, 0, half)
                print_growth(some, view_costs(client, window(1), options.runs))
            print_sizes(client)
            for name, filters in FILTERS.items():
                print_views(client, name, filters, options.runs)
            print_by_hand(client)
            print_live(client, options.runs)
            for rows in (10_000, 100_000):
                print_inserts(client, rows, conversations, options.minutes)
            if options.foreign:
                conversations = options.foreign // FOREIGN_SPANS_PER_CONVERSATION
                fill(client, conversations, 0, conversations, foreign=True)
                print_sizes(client)
                for name, filters in FILTERS.items():
                    print_views(client, f"with spans of other SDKs, {name}", filters, options.runs)


def window(days: int, filters: dict[str, list[str]] | None = None) -> Window:
    return Window(END - timedelta(days=days), END, "Europe/Athens", filters or {})


def figure(measured: Cost) -> str:
    return f"{measured.wall_ms:8.0f} ({measured.cpu_ms:6.0f})"


def total(costs: Collection[Cost]) -> Cost:
    """Of queries one after the other."""
    return Cost(sum(c.wall_ms for c in costs), sum(c.cpu_ms for c in costs), max(c.memory_mib for c in costs))


def print_planning(server: EmbeddedClickHouse, database: str = "empty") -> None:
    url = server.url(database)
    schema.apply(url)
    with clickhouse_client.connect(url) as client:
        print("planning on an empty database, ms (processor)")
        for view, measured in view_costs(client, window(30), 9).items():
            print(f"{view:32}{measured.wall_ms:8.1f} ({measured.cpu_ms:5.1f})", flush=True)
        client.command(f"DROP DATABASE {database}")


def fill(client: Any, conversations: int, first: int, end: int, *, foreign: bool = False) -> None:
    """Stores the spans of some of the conversations, and waits until all of them are derived and resolved."""
    began, before = time.perf_counter(), client.query("SELECT count() FROM otel_traces").result_rows[0][0]
    for sql, _ in inserts("otel_traces", conversations, CONVERSATIONS_AT_ONCE, first, end, foreign):
        client.command(sql, settings={**IN_BLOCKS, "max_insert_threads": 2, "max_memory_usage": 0})
    took = time.perf_counter() - began
    spans = client.query("SELECT count() FROM otel_traces").result_rows[0][0] - before
    if foreign:
        settle_derivation(client)
        print(f"all derived {time.perf_counter() - began - took:.0f} s after the last was stored", flush=True)
    settle(client)
    merge_weeks_before(client, END)
    print(
        f"{spans:,} spans stored at {spans / took:,.0f} a second, generated meanwhile;"
        f" all resolved {time.perf_counter() - began - took:.0f} s later",
        flush=True,
    )


def print_growth(half: dict[str, Cost], whole: dict[str, Cost]) -> None:
    print("24 h, ms (processor): with the latest half of the spans; with all of them")
    for view in METRICS:
        print(f"{view:32}{figure(half[view])} {figure(whole[view])}  {whole[view].cpu_ms / half[view].cpu_ms:.2f}")


def print_sizes(client: Any) -> None:
    spans = client.query("SELECT count() FROM otel_traces").result_rows[0][0]
    for table, rows, size in client.query(
        "SELECT table, rows, disk_bytes FROM pipeline_storage WHERE rows > 0 ORDER BY disk_bytes DESC"
    ).result_rows:
        print(f"{table:24}{rows:>14,} rows {size / 1e6:>10,.1f} MB {size / spans:6.2f} bytes a span")


def print_views(client: Any, name: str, filters: dict[str, list[str]], runs: int) -> None:
    print(f"\n{name}, ms (processor){'':10}" + "".join(f"{title:>18}" for title in WINDOWS))
    costs = {title: view_costs(client, window(days, filters), runs) for title, days in WINDOWS.items()}
    for view in METRICS:
        print(f"{view:32}" + " ".join(figure(costs[title][view]) for title in WINDOWS))
    totals = [total(of.values()) for of in costs.values()]
    print(f"{'all 15, one after the other':32}" + " ".join(map(figure, totals)))
    print(f"{'largest memory, MiB':32}" + " ".join(f"{total.memory_mib:17.0f}" for total in totals), flush=True)


def print_by_hand(client: Any) -> None:
    print(f"\nby hand on otel_traces{'':10}" + "".join(f"{title:>18}" for title in WINDOWS))
    for view, sql in BY_HAND.items():
        line = f"{view:32}"
        for days in WINDOWS.values():
            asked = {"start": END - timedelta(days=days), "end": END}
            line += figure(cost(client, [sql], {name: f"{at:%Y-%m-%d %H:%M:%S}" for name, at in asked.items()})) + " "
        print(line, flush=True)


def print_live(client: Any, runs: int) -> None:
    print("\n24 h, all 15 views, ms (processor), with so many conversations of the last days touched just now")
    client.command("SYSTEM STOP VIEW resolution_due_mv")
    for live in (0, 5_000, 20_000, 60_000):
        client.command("TRUNCATE TABLE touched")
        client.command(
            "INSERT INTO touched SELECT now(), conversation_key, 0 FROM"
            f" (SELECT conversation_key FROM resolved WHERE day < {END.timestamp() // 86_400:.0f}"
            f" GROUP BY conversation_key ORDER BY max(day) DESC LIMIT {live})"
        )
        print(f"{live:32,} {figure(total(view_costs(client, window(1), runs).values()))}", flush=True)
    client.command("SYSTEM START VIEW resolution_due_mv")


def insert_ratio(client: Any, rows: int, conversations: int, minutes: float) -> tuple[Cost, Cost, int]:
    """Inserts in batches of a size, in turn into the bare table and into the one with all views.

    Returns:
        What a batch costs in each, and how many batches there were.
    """
    client.command("CREATE TABLE IF NOT EXISTS bare AS otel_traces")
    client.command("CREATE OR REPLACE TABLE batch AS otel_traces ENGINE = Memory")
    count = int(rows / SPANS_PER_CONVERSATION * 1.2) + 10
    client.command(
        f"INSERT INTO batch ({COLUMNS}) SELECT {COLUMNS} FROM ({selected(conversations // 2, count, conversations)}) LIMIT {rows}",
        settings={"max_threads": 1, "max_block_size": 1_000_000, "min_insert_block_size_rows": 1_000_000},
    )
    in_one = {
        "max_threads": 1,
        "max_insert_threads": 1,
        "max_block_size": 1_000_000,
        "min_insert_block_size_rows": 1_000_000,
    }
    costs: dict[str, list[Cost]] = {"bare": [], "otel_traces": []}
    deadline = time.monotonic() + minutes * 60
    while time.monotonic() < deadline or len(costs["bare"]) < 2:
        for table, measured in costs.items():
            measured.append(
                cost(client, [f"INSERT INTO {table} ({COLUMNS}) SELECT {COLUMNS} FROM batch"] * 3, settings=in_one)
            )
    client.command("DROP TABLE bare SYNC")
    client.command("DROP TABLE batch SYNC")
    bare, whole = (
        Cost(
            sorted(c.wall_ms for c in of)[len(of) // 2],
            sorted(c.cpu_ms for c in of)[len(of) // 2],
            max(c.memory_mib for c in of),
        )
        for of in costs.values()
    )
    return bare, whole, 3 * len(costs["bare"])


def print_inserts(client: Any, rows: int, conversations: int, minutes: float) -> None:
    bare, whole, batches = insert_ratio(client, rows, conversations, minutes)
    print(
        f"\n{batches} INSERTs of {rows:,} rows, ms (processor): bare {figure(bare)}, with all views {figure(whole)}:"
        f" {bare.wall_ms / whole.wall_ms:.2f} ({bare.cpu_ms / whole.cpu_ms:.2f}) of the bare table;"
        f" {whole.memory_mib:.0f} MiB",
        flush=True,
    )


if __name__ == "__main__":
    main()
