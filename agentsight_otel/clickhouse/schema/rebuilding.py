"""Derives from the raw spans what metrics are computed from: after a restore, or to find out what is missing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from agentsight_otel.clickhouse.schema.applier import check, connected
from agentsight_otel.clickhouse.schema.files import Kind, SchemaFile, load
from agentsight_otel.clickhouse.schema.filling import (
    fill,
    filling_view,
    handing_view,
    is_filled,
    only_partition,
    partition_ids,
)
from agentsight_otel.clickhouse.schema.history import ROLLUP_RETENTION, History
from agentsight_otel.clickhouse.schema.lock import schema_lock
from agentsight_otel.clickhouse.schema.steps import Step

_KEYS_AT_ONCE = 5_000_000
_SPANS_AT_ONCE = 1_000_000


@dataclass(frozen=True)
class Missing:
    """A table that lacks rows which the spans would give it.

    Attributes:
        table: Its name.
        missing: How many rows it lacks.
        derived: How many rows the spans that there are give.
    """

    table: str
    missing: int
    derived: int


def rebuild(
    url: str,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    report: Callable[[Step], object] | None = None,
    folder: Path | None = None,
) -> int:
    """Gives every table that is derived from ``otel_traces`` what its spans say, by partition, while writers go on.

    What is there counts once, so it can be repeated, and interrupted. Rows whose spans are gone stay.

    Args:
        url: ``http://user:password@host:port/database``, or https.
        start: Only spans that began then or later; with a time zone.
        end: Only spans that began before; with a time zone.
        report: Told of each partition before it is done.
        folder: Another schema than the one that ships with this package.

    Returns:
        How many partitions were read.

    Raises:
        SchemaError: There is no schema of this version, or the user lacks a right.
        ClickHouseConnectionError: ClickHouse cannot be reached, or refuses the login.
        ValueError: A time has no time zone.
    """
    between = _between(start, end)
    check(url, folder=folder)
    with connected(url) as (client, database), schema_lock(client, database):
        files = load(folder).files
        for view in {filling_view(view, files).name: filling_view(view, files) for view in _derived(files)}.values():

            def said(what: str, view: SchemaFile = view) -> None:
                if report is not None:
                    report(Step(view.name, "fill", what))

            fill(client, database, view, said, between=between)
        return len(partition_ids(client, database))


def missing_rows(url: str, *, folder: Path | None = None) -> list[Missing]:
    """Compares every derived table with what the spans that there are would give it; reads all of them.

    Returns:
        The tables that lack rows; empty where all is derived.

    Raises:
        SchemaError: There is no schema of this version, or the user lacks a right.
        ClickHouseConnectionError: ClickHouse cannot be reached, or refuses the login.
    """
    check(url, folder=folder)
    with connected(url) as (client, database):
        entries = History(client, database).read()
        days = int(entries[ROLLUP_RETENTION].value) if ROLLUP_RETENTION in entries else 0
        files = load(folder).files
        compared = [
            _compared(client, database, view, files, days) for view in _derived(files) if not _hands_on(view, files)
        ]
    return [table for table in compared if table.missing]


def _derived(files: tuple[SchemaFile, ...]) -> Iterator[SchemaFile]:
    return (file for file in files if file.kind is Kind.MATERIALIZED_VIEW and is_filled(file, files))


def _hands_on(view: SchemaFile, files: tuple[SchemaFile, ...]) -> bool:
    """Whether what a view fills keeps nothing."""
    return any(other is not view and view.target in other.references - {other.target} for other in _derived(files))


def _compared(
    client: Any, database: str, view: SchemaFile, files: tuple[SchemaFile, ...], retention_days: int
) -> Missing:
    target, query = view.target_and_query(database)
    while (handing := handing_view(view, files)) is not None:
        handed_on, its_query = handing.target_and_query(database)
        query = query.replace(f"FROM {handed_on}", f"FROM (\n{its_query}\n)")
        view = handing
    table = target.removeprefix(f"{database}.")
    ((key, rows),) = client.query(
        "SELECT sorting_key, total_rows FROM system.tables"
        " WHERE database = {database:String} AND name = {table:String}",
        parameters={"database": database, "table": table},
    ).result_rows
    day = {"conversations": "arrayMax(days)"}.get(table, "day" if "day" in key.split(", ") else "")
    kept = f" AND {day} > toInt32(today()) - {retention_days}" if retention_days and day else ""
    # The keys in several goes, so that memory is bounded.
    goes = (rows or 0) // _KEYS_AT_ONCE + 1
    missing = derived = 0
    for settings in _parts_of_spans(client, database):
        for go in range(goes):
            chosen = f"cityHash64({key}) % {goes} = {go}"
            ((lacking, all_rows),) = client.query(
                f"SELECT countIf(cityHash64({key}) NOT IN (SELECT cityHash64({key}) FROM {target} WHERE {chosen})),"
                f" count() FROM (\n{query}\n) WHERE {chosen}{kept}",
                settings=settings,
            ).result_rows
            missing, derived = missing + int(lacking), derived + int(all_rows)
    return Missing(table, missing, derived)


def _parts_of_spans(client: Any, database: str) -> list[dict[str, str]]:
    """Settings, each of which lets a query see a part of the spans: a partition, or all where they are few."""
    if client.query(f"SELECT count() FROM {database}.otel_traces").result_rows[0][0] <= _SPANS_AT_ONCE:
        return [{}]
    return [only_partition(database, partition) for partition in partition_ids(client, database)]


def _between(start: datetime | None, end: datetime | None) -> str:
    conditions = ""
    for operator, moment in ((">=", start), ("<", end)):
        if moment is not None:
            if moment.tzinfo is None:
                raise ValueError(f"{moment.isoformat()}: expected a time with a time zone")
            text = moment.astimezone(timezone.utc).isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")
            conditions += f" AND Timestamp {operator} toDateTime64(\\'{text}\\', 9, \\'UTC\\')"
    return conditions
