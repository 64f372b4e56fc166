"""One applier at a time, by the one thing every ClickHouse does atomically: creating a table."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from agentsight_otel.schema.errors import SchemaLocked

_TABLE_ALREADY_EXISTS = 57
_POLL_S = 0.2


@contextmanager
def schema_lock(client: Any, database: str, *, wait_s: float = 60.0, stale_after_s: float = 600.0) -> Iterator[None]:
    """Holds the database's schema lock: its table ``schema_lock``, whose comment names the holder.

    A lock older than ``stale_after_s`` is of a process that died, and is taken over. Should two processes take it
    over in the same instant nothing breaks: every statement of the schema may run twice.

    Args:
        client: A clickhouse-connect client.
        database: The database's plain name.
        wait_s: How long to wait for another holder, in seconds.
        stale_after_s: Age in seconds from which on a lock counts as left behind.

    Raises:
        SchemaLocked: Another process held it all the time.
    """
    table = f"{database}.schema_lock"
    holder = f"{socket.gethostname()} pid {os.getpid()}".replace("\\", "").replace("'", "")
    deadline = time.monotonic() + wait_s
    while not _created(client, table, holder):
        found = client.query(
            "SELECT comment, dateDiff('second', metadata_modification_time, now())"
            " FROM system.tables WHERE database = {database:String} AND name = 'schema_lock'",
            parameters={"database": database},
        ).result_rows
        if found and found[0][1] > stale_after_s:
            client.command(f"DROP TABLE IF EXISTS {table} SYNC")
        elif time.monotonic() > deadline:
            other, age_s = found[0] if found else ("another process", 0)
            raise SchemaLocked(
                f"the schema of database {database!r} is being applied by {other}, for {age_s} s now;"
                f" waited {wait_s:g} s. If that process is gone: DROP TABLE {table}"
            )
        else:
            time.sleep(_POLL_S)
    try:
        yield
    finally:
        client.command(f"DROP TABLE IF EXISTS {table} SYNC")


def _created(client: Any, table: str, holder: str) -> bool:
    from clickhouse_connect.driver.exceptions import DatabaseError

    try:
        client.command(f"CREATE TABLE {table} (`held` UInt8) ENGINE = MergeTree ORDER BY held COMMENT '{holder}'")
    except DatabaseError as error:
        if f"code: {_TABLE_ALREADY_EXISTS}" in str(error).lower():
            return False
        raise
    return True
