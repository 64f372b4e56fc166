"""A lock that lets one process at a time apply the schema: a table, because every ClickHouse creates one atomically."""

import os
import re
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from agentsight_otel.clickhouse.schema.errors import SchemaLocked

LOCK_TABLE = "schema_lock"
LOCK_COLUMNS = ("held_by_agentsight_otel",)
_TABLE_ALREADY_EXISTS = 57
_POLL_S = 0.2
_HOST = re.sub(r"[^\w.-]", "", socket.gethostname())
_HELD: set[str] = set()
"""The locks that this process holds."""
_HOLDER = re.compile(r"(.*) pid (\d+) \((\w+)\)")


@contextmanager
def schema_lock(client: Any, database: str, *, wait_s: float = 60.0, stale_after_s: float = 600.0) -> Iterator[None]:
    """Holds the database's schema lock: its table ``schema_lock``, whose comment names the holder.

    A lock of a process that died, or older than ``stale_after_s``, is taken over. Should two processes hold it at once
    nothing breaks: every statement of the schema may run twice.

    Args:
        client: A clickhouse-connect client.
        database: The database's plain name.
        wait_s: How long to wait for another holder, in seconds.
        stale_after_s: Age in seconds from which on a lock counts as left behind.

    Raises:
        SchemaLocked: Another process held the lock for all of ``wait_s``.
    """
    table = f"{database}.{LOCK_TABLE}"
    lock = secrets.token_hex(4)
    holder = f"{_HOST} pid {os.getpid()} ({lock})"
    deadline = time.monotonic() + wait_s
    _HELD.add(lock)
    try:
        while not _created(client, table, holder):
            locks = client.query(
                "SELECT comment, dateDiff('second', metadata_modification_time, now())"
                " FROM system.tables WHERE database = {database:String} AND name = 'schema_lock'",
                parameters={"database": database},
            ).result_rows
            if locks and (locks[0][1] > stale_after_s or _is_dead(locks[0][0])):
                client.command(f"DROP TABLE IF EXISTS {table} SYNC")
            elif time.monotonic() > deadline:
                other, age_s = locks[0] if locks else ("another process", 0)
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
    finally:
        _HELD.discard(lock)


def _is_dead(holder: str) -> bool:
    """Whether the holder was a process of this machine that no longer exists, or holds it no longer."""
    match = _HOLDER.fullmatch(holder)
    if match is None or match[1] != _HOST or os.name != "posix":
        return False
    if int(match[2]) == os.getpid():
        # Left behind by this process, which could not reach the server, or by one that had its number before, as the
        # first process of a container has.
        return match[3] not in _HELD
    try:
        os.kill(int(match[2]), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _created(client: Any, table: str, holder: str) -> bool:
    from clickhouse_connect.driver.exceptions import DatabaseError

    try:
        client.command(
            f"CREATE TABLE {table} (`{LOCK_COLUMNS[0]}` UInt8) ENGINE = MergeTree ORDER BY tuple() COMMENT '{holder}'"
        )
    except DatabaseError as error:
        if f"code: {_TABLE_ALREADY_EXISTS}" in str(error).lower():
            return False
        raise
    return True
