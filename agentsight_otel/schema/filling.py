"""Gives a new materialised view the rows that came before it: writers do not wait until the schema is complete."""

import re
import time
from typing import Any

from agentsight_otel.schema.files import SchemaFile

_SOURCE = "otel_traces"
_CLOCK = re.compile(r"\bnow(64)?\(")
_POLL_S = 0.05


def fill(client: Any, database: str, view: SchemaFile, *, wait_s: float = 60.0) -> None:
    """Puts into a view's table what the view would have made of the spans there are already.

    The tables of views merge idempotently: what the view has seen, too, counts once. Filling goes by partition, so that
    memory is bounded.

    Args:
        client: A clickhouse-connect client.
        database: The database's plain name.
        view: The file of the view, which exists by now.
        wait_s: How long to wait for inserts that began before the view existed, in seconds.
    """
    if _CLOCK.search(view.sql):
        return  # It is about when spans arrived, and they do not arrive again.
    _await_running_inserts(client, wait_s)
    partitions = client.query(
        "SELECT DISTINCT partition_id FROM system.parts"
        " WHERE active AND database = {database:String} AND table = {table:String} ORDER BY partition_id",
        parameters={"database": database, "table": _SOURCE},
    ).result_rows
    for (partition,) in partitions:
        part = f"{{'{database}.{_SOURCE}': '_partition_id = \\'{partition}\\''}}"
        client.command(view.filling(database), settings={"additional_table_filters": part})


def _await_running_inserts(client: Any, wait_s: float) -> None:
    """An insert that runs while a view is created does not know it, and its rows appear when it ends."""
    running = "SELECT query_id FROM system.processes WHERE query_kind = 'Insert'"
    before = {row[0] for row in client.query(running).result_rows}
    deadline = time.monotonic() + wait_s
    while before & {row[0] for row in client.query(running).result_rows} and time.monotonic() < deadline:
        time.sleep(_POLL_S)
