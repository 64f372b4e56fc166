"""What a query costs ClickHouse: time, processor time and memory, from its own log."""

import statistics
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agentsight_otel.metrics import METRICS, Window, query_parameters, view_call


@dataclass(frozen=True)
class Cost:
    """Of one query, asked several times.

    Attributes:
        wall_ms: Median, as the client sees it.
        cpu_ms: Processor time of the cheapest run: what else the machine does changes it least.
        memory_mib: At most.
    """

    wall_ms: float
    cpu_ms: float
    memory_mib: float


def cost(
    client: Any,
    sqls: Sequence[str],
    parameters: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Cost:
    """Runs statements, those of one kind, one after the other."""
    ids, walls = [], []
    for sql in sqls:
        ids.append(uuid.uuid4().hex)
        began = time.perf_counter()
        ask = client.query if sql.lstrip().startswith(("SELECT", "WITH")) else client.command
        ask(sql, parameters=parameters, settings={**(settings or {}), "query_id": ids[-1], "log_queries": 1})
        walls.append((time.perf_counter() - began) * 1_000)
    client.command("SYSTEM FLUSH LOGS")
    rows = client.query(
        "SELECT (ProfileEvents['UserTimeMicroseconds'] + ProfileEvents['SystemTimeMicroseconds']) / 1000,"
        " memory_usage / 1048576 FROM system.query_log"
        " WHERE type = 'QueryFinish' AND event_date >= today() - 1 AND query_id IN {ids:Array(String)}",
        parameters={"ids": ids},
    ).result_rows
    assert len(rows) == len(sqls), "ClickHouse did not log every query"
    return Cost(statistics.median(walls), min(row[0] for row in rows), max(row[1] for row in rows))


def view_costs(client: Any, window: Window, runs: int) -> dict[str, Cost]:
    """Of each of the 15 metrics, by view."""
    return {
        view: cost(client, [f"SELECT * FROM {view_call(view)}"] * runs, query_parameters(window)) for view in METRICS
    }


def settle(client: Any, wait_s: float = 600) -> None:
    """Waits until resolved has what was inserted, so that no query resolves it itself."""
    _wait_for_none(client, "SELECT live_conversations FROM pipeline_resolved", "resolved", wait_s)


def merge_weeks_before(client: Any, moment: datetime) -> None:
    """Merges the rollups' weeks that are over, as ClickHouse does by itself an hour after a week's last row."""
    week = int(moment.timestamp()) // 86_400 // 7
    for (table,) in client.query(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND partition_key LIKE '%intDiv(day, 7)%'"
    ).result_rows:
        for (partition,) in client.query(
            f"SELECT _partition_id FROM {table} GROUP BY _partition_id HAVING intDiv(max(day), 7) < {week}"
        ).result_rows:
            client.command(f"OPTIMIZE TABLE {table} PARTITION ID '{partition}' FINAL")


def settle_derivation(client: Any, wait_s: float = 1_800) -> None:
    """Waits until the conversations of other SDKs are derived from all spans that were inserted."""
    _wait_for_none(client, "SELECT waiting FROM pipeline_derived", "derived_conversations", wait_s)


def _wait_for_none(client: Any, sql: str, table: str, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while client.query(sql).first_row[0]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{table} is not up to date after {wait_s:g} s")
        time.sleep(1)


def settle_at_once(client: Any) -> None:
    """The same within seconds: has what was touched now count as touched a while ago."""
    client.command("SYSTEM STOP VIEW resolution_due_mv")
    client.command("INSERT INTO touched SELECT touched_at - 120, conversation_key, trace_key FROM touched")
    client.command("DELETE FROM resolved WHERE day = 2147483647")
    for action in ("START", "REFRESH", "WAIT"):
        client.command(f"SYSTEM {action} VIEW resolution_due_mv")
    client.command("TRUNCATE TABLE touched")
