"""How fast the 15 metric views are, and what the rollups cost an insert, on generated spans in a real ClickHouse.

    python benchmarks/metric_views.py --spans 5000000

Generates conversations of 12 spans (a start, four turns with two messages each, six tool calls, an end or feedback)
over 90 days, in an embedded ClickHouse, and prints the median of several runs of each view in milliseconds.
"""

import argparse
import statistics
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from agentsight_otel import clickhouse_client, metrics, schema
from agentsight_otel.local import EmbeddedClickHouse

SPANS_PER_CONVERSATION = 12
DAYS = 90
WINDOWS = {"24 h": 1, "7 d": 7, "30 d": 30, "90 d": 90}
CHUNK_CONVERSATIONS = 50_000
END = datetime(2026, 11, 1, tzinfo=timezone.utc)

GENERATE = """
INSERT INTO {table} (Timestamp, TraceId, SpanId, SpanName, SpanKind, ServiceName, ResourceAttributes, SpanAttributes,
    Duration, StatusCode, `Events.Timestamp`, `Events.Name`, `Events.Attributes`)
WITH
    intDiv(number, 12) AS conversation,
    number % 12 AS position,
    sipHash64(conversation) AS dice,
    toInt64(1793491200000000000) - toInt64(90) * 86400000000000
        + toInt64((conversation + 0.5) / {conversations} * 90 * 86400000000000) AS begin_ns,
    begin_ns + position * 20000000000 + toInt64(sipHash64(number) % 10000000000) AS at_ns,
    multiIf(position = 0, 'conversation', position = 11, if(dice % 3 = 0, 'feedback', 'conversation'),
        position IN (1, 4, 7, 10), 'turn', 'tool') AS kind,
    map('gen_ai.conversation.id', concat('conversation-', toString(conversation)),
        'agentsight.span.kind', kind,
        'agentsight.conversation.device', ['mobile', 'desktop', 'tablet'][dice % 3 + 1],
        'agentsight.conversation.source', ['web', 'whatsapp', 'viber', 'ios'][dice % 4 + 1],
        'agentsight.conversation.language', ['en-US', 'de-DE', 'el-GR', 'fr-FR', 'es-ES'][dice % 5 + 1],
        'geo.country.iso_code', ['US', 'DE', 'GR', 'FR', 'ES', 'MX', 'GB'][dice % 7 + 1],
        'user.id', concat('customer-', toString(dice % 400000))) AS identity,
    multiIf(
        kind = 'tool', map('gen_ai.operation.name', 'execute_tool',
            'gen_ai.tool.name', ['search', 'book', 'cancel', 'lookup', 'open_ticket'][if(sipHash64(number) % 40 = 0, 5, sipHash64(number) % 4 + 1)]),
        kind = 'feedback', map('agentsight.feedback.sentiment', ['positive', 'neutral', 'negative'][dice % 5 % 3 + 1]),
        kind = 'turn', map('gen_ai.operation.name', 'invoke_agent', 'agentsight.turn.complete', 'true'),
        position = 11, map('agentsight.conversation.ended', 'true'),
        map('agentsight.x', '')) AS own
SELECT
    fromUnixTimestamp64Nano(at_ns, 'UTC'),
    lower(hex(substring(SHA256(identity['gen_ai.conversation.id']), 1, 16))),
    lower(hex(sipHash64(number, 1))),
    multiIf(position = 0, 'conversation_started', kind = 'conversation', 'conversation_ended',
        kind = 'turn', 'invoke_agent', kind = 'tool', 'execute_tool', kind),
    'Internal',
    ['agent', 'gateway'][if(dice % 11 = 0, 2, 1)],
    map('service.name', 'agent', 'deployment.environment.name', ['production', 'staging'][if(dice % 13 = 0, 2, 1)]),
    mapUpdate(identity, own),
    if(kind IN ('turn', 'tool'), 1000000000 + sipHash64(number, 2) % 15000000000, 0),
    if(kind = 'tool' AND sipHash64(number, 3) % 50 = 0, 'Error', 'Unset'),
    if(kind = 'turn', [fromUnixTimestamp64Nano(at_ns, 'UTC'), fromUnixTimestamp64Nano(at_ns + 2000000000 + toInt64(dice % 9000000000), 'UTC')], []),
    if(kind = 'turn', ['agentsight.message', 'agentsight.message'], []),
    if(kind = 'turn', [map('agentsight.message.sender', 'end_user', 'agentsight.message.content', 'Where is my order, please?'),
        map('agentsight.message.sender', 'agent', 'agentsight.message.content', 'It left the warehouse this morning and arrives tomorrow.')], [])
FROM numbers({first}, {count})
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--spans", type=int, default=5_000_000)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--data", type=Path, help="keep the data here, and use what is there")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as temporary, EmbeddedClickHouse(options.data or temporary) as server:
        url = server.url("benchmark")
        schema.apply(url)
        with clickhouse_client.connect(url) as client:
            conversations = options.spans // SPANS_PER_CONVERSATION
            if not client.query("SELECT count() FROM otel_traces").result_rows[0][0]:
                fill(client, "otel_traces", conversations)
                compare_inserts(client, min(conversations, CHUNK_CONVERSATIONS))
            sizes(client)
            for name, filters in (("no filter", {}), ("device = mobile", {"device": ["mobile"]})):
                print_views(client, name, filters, options.runs)


def fill(client: Any, table: str, conversations: int) -> None:
    began = time.perf_counter()
    for first in range(0, conversations, CHUNK_CONVERSATIONS):
        count = min(CHUNK_CONVERSATIONS, conversations - first)
        client.command(
            GENERATE.format(
                table=table,
                conversations=conversations,
                first=first * SPANS_PER_CONVERSATION,
                count=count * SPANS_PER_CONVERSATION,
            )
        )
    spans = conversations * SPANS_PER_CONVERSATION
    print(f"{spans:,} spans of {conversations:,} conversations in {time.perf_counter() - began:.0f} s")


def compare_inserts(client: Any, conversations: int) -> None:
    """The same generated spans, in turn into a table without and one with the materialised views."""
    client.command("CREATE TABLE IF NOT EXISTS bare AS otel_traces")
    spans = conversations * SPANS_PER_CONVERSATION
    client.command(GENERATE.format(table="bare", conversations=conversations, first=0, count=spans))
    columns = ", ".join(
        f"`{row[0]}`"
        for row in client.query("DESCRIBE TABLE bare").result_rows
        if row[2] not in ("ALIAS", "MATERIALIZED")
    )
    seconds: dict[str, list[float]] = {"plain": [], "with rollups": []}
    client.command("CREATE TABLE plain AS bare")
    for _ in range(3):
        for name, table in (("plain", "plain"), ("with rollups", "otel_traces")):
            began = time.perf_counter()
            client.command(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM bare")
            seconds[name].append(time.perf_counter() - began)
    for name, times in seconds.items():
        print(f"insert, {name}: {spans / statistics.median(times):,.0f} spans/s")
    client.command("DROP TABLE bare SYNC")
    client.command("DROP TABLE plain SYNC")


def sizes(client: Any) -> None:
    for table, rows, size in client.query(
        "SELECT table, sum(rows), sum(bytes_on_disk) FROM system.parts"
        " WHERE active AND database = currentDatabase() GROUP BY table ORDER BY 3 DESC"
    ).result_rows:
        print(f"{table:20} {rows:>12,} rows {size / 1e6:>10,.1f} MB")


def print_views(client: Any, name: str, filters: dict[str, list[str]], runs: int) -> None:
    print(f"\nms, median of {runs}, {name}\n{'':32}" + "".join(f"{window:>9}" for window in WINDOWS))
    totals = dict.fromkeys(WINDOWS, 0.0)
    for view in metrics.METRICS:
        line = f"{view:32}"
        for window, days in WINDOWS.items():
            asked = metrics.Window(END - timedelta(days=days), END, "Europe/Athens", filters)
            times = []
            for _ in range(runs):
                began = time.perf_counter()
                metrics.query(client, view, asked)
                times.append((time.perf_counter() - began) * 1_000)
            totals[window] += statistics.median(times)
            line += f"{statistics.median(times):9.0f}"
        print(line, flush=True)
    print(f"{'all 15':32}" + "".join(f"{total:9.0f}" for total in totals.values()))


if __name__ == "__main__":
    main()
