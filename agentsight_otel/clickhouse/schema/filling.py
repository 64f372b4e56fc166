"""Gives a new materialised view the rows that came before it: writers do not wait until the schema is complete."""

import re
import time
from collections.abc import Callable, Iterable
from typing import Any

from agentsight_otel.clickhouse.client import ACCESS_DENIED, error_code
from agentsight_otel.clickhouse.schema.files import SchemaFile

_SOURCE = "otel_traces"
_CLOCK = re.compile(r"\bnow(64|InBlock)?\(")
_POLL_S = 0.05


def handing_view(view: SchemaFile, files: Iterable[SchemaFile]) -> SchemaFile | None:
    """The view that fills the table which a materialised view reads; None where that is ``otel_traces``."""
    if _SOURCE in view.references:
        return None
    return next(other for other in files if other.target in view.references - {view.target} and other.target)


def filling_view(view: SchemaFile, files: Iterable[SchemaFile]) -> SchemaFile:
    """What to fill for a materialised view: the view that hands it the spans, itself where it reads them."""
    while (handing := handing_view(view, files)) is not None:
        view = handing
    return view


def is_filled(view: SchemaFile, files: Iterable[SchemaFile]) -> bool:
    """Whether a materialised view wants the rows before it; not where it, or what hands it rows, is about when spans
    arrive: that is made up for in the background."""
    if _CLOCK.search(view.sql):
        return False
    handing = handing_view(view, files)
    return handing is None or is_filled(handing, files)


def fill(client: Any, database: str, view: SchemaFile, report: Callable[[str], object], *, between: str = "") -> None:
    """Puts into a view's table what the view would have made of the spans there are already.

    The tables of views merge idempotently: what the view has seen, too, counts once. Filling goes by partition, so that
    memory is bounded.

    Args:
        client: A clickhouse-connect client.
        database: The database's plain name.
        view: The file of the view, which exists by now.
        report: Told how far it is, in words, before each partition.
        between: A further condition on spans, with quotes escaped; begins with AND.
    """
    partitions = partition_ids(client, database)
    for number, partition in enumerate(partitions, 1):
        report(f"partition {partition}, {number} of {len(partitions)}")
        client.command(view.filling(database), settings=only_partition(database, partition, between))


def partition_ids(client: Any, database: str) -> list[str]:
    """The partitions of ``otel_traces`` that hold rows, the oldest first."""
    # The table's own virtual column: system.parts needs a right of its own.
    rows = client.query(f"SELECT DISTINCT _partition_id FROM {database}.{_SOURCE} ORDER BY 1").result_rows
    return [row[0] for row in rows]


def only_partition(database: str, partition: str, between: str = "") -> dict[str, str]:
    """The setting that lets a query see one partition of ``otel_traces`` only, and of it what is ``between``."""
    return {"additional_table_filters": f"{{'{database}.{_SOURCE}': '_partition_id = \\'{partition}\\'{between}'}}"}


def await_running_inserts(
    client: Any, report: Callable[[str], object], *, wait_s: float = 60.0, unseen_wait_s: float = 5.0
) -> None:
    """Waits for the inserts that run now: they do not know the views just created, and their rows appear at their end.

    Args:
        client: A clickhouse-connect client.
        report: Told where they cannot be seen.
        wait_s: At most this long, in seconds.
        unseen_wait_s: This long where the user may not see them.
    """
    from clickhouse_connect.driver.exceptions import DatabaseError

    running = "SELECT query_id FROM system.processes WHERE query_kind = 'Insert'"
    try:
        before = {row[0] for row in client.query(running).result_rows}
    except DatabaseError as error:
        if error_code(error) != ACCESS_DENIED:
            raise
        report(f"inserts under way cannot be seen (no SELECT on system.processes): waited {unseen_wait_s:g} s for them")
        time.sleep(unseen_wait_s)
        return
    deadline = time.monotonic() + wait_s
    while before & {row[0] for row in client.query(running).result_rows} and time.monotonic() < deadline:
        time.sleep(_POLL_S)
