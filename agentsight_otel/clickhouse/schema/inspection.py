"""Inspects a database's schema: what was applied, and whether its objects are still as applied."""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from agentsight_otel.clickhouse.client import ACCESS_DENIED, error_code
from agentsight_otel.clickhouse.schema.adoption import SPANS
from agentsight_otel.clickhouse.schema.applier import connected
from agentsight_otel.clickhouse.schema.errors import SchemaNotApplied
from agentsight_otel.clickhouse.schema.files import SchemaFolder, load, plain_engine
from agentsight_otel.clickhouse.schema.history import (
    ADOPTED,
    COMPLETE,
    HISTORY_TABLE,
    QUERY_NODE_HISTORY_TABLE,
    RAW_RETENTION,
    ROLLUP_RETENTION,
    History,
    edited_files,
    installed_version,
    newest_version,
)
from agentsight_otel.clickhouse.schema.lock import LOCK_TABLE
from agentsight_otel.clickhouse.schema.retention import set_retention

_OWN_TABLES = (HISTORY_TABLE, QUERY_NODE_HISTORY_TABLE, LOCK_TABLE)


@dataclass(frozen=True)
class FileStatus:
    """The state of one object in one database.

    Attributes:
        name: The object's name.
        state: ``applied``, ``pending`` (never applied, or an older version's), ``edited`` since it was applied.
        applied_at: When it was applied last, UTC; None if never.
    """

    name: str
    state: str
    applied_at: datetime | None


@dataclass(frozen=True)
class Status:
    """The schema of one database.

    Attributes:
        database: The database's name.
        code_version: The version that this agentsight-otel brings.
        installed_version: The version applied in full; None where there is none.
        newest_version: The newest version of which anything was applied; 0 where there is none.
        files: The state of each object, in the order in which they are applied.
        raw_retention_days: Days that spans are kept; 0 = for good.
        rollup_retention_days: Days that the metrics' own tables are kept; 0 = for good.
    """

    database: str
    code_version: int
    installed_version: int | None
    newest_version: int
    files: tuple[FileStatus, ...]
    raw_retention_days: int
    rollup_retention_days: int

    @property
    def up_to_date(self) -> bool:
        """Whether the database has this version of the schema, in full and unedited."""
        return self.installed_version == self.code_version == self.newest_version and all(
            file.state == "applied" for file in self.files
        )


@dataclass(frozen=True)
class Difference:
    """An object that differs from the schema.

    Attributes:
        object_name: The name of the table or view.
        problem: ``missing`` or ``different``.
        expected: Its definition in a database built fresh.
        found: Its definition in this database; '' where it is missing.
    """

    object_name: str
    problem: str
    expected: str
    found: str


def status(url: str, *, folder: Path | None = None) -> Status:
    """The state of a database's schema, of any version; changes nothing.

    Raises:
        ClickHouseConnectionError: ClickHouse cannot be reached, or refuses the login.
    """
    return status_of_schema(url, load(folder))


def status_of_schema(url: str, schema: SchemaFolder) -> Status:
    """As ``status``, of a schema that was read."""
    with connected(url) as (client, database):
        entries = History(client, database, of_query_node=schema.is_query_node).read()
    edited = edited_files(entries, schema)

    def state(name: str) -> str:
        if name in edited:
            return "edited"
        return "applied" if name in entries and entries[name].version >= schema.version else "pending"

    def days(setting: str) -> int:
        return int(entries[setting].value) if setting in entries else 0

    return Status(
        database=database,
        code_version=schema.version,
        installed_version=installed_version(entries),
        newest_version=newest_version(entries),
        files=tuple(
            FileStatus(file.name, state(file.name), entries[file.name].applied_at if file.name in entries else None)
            for file in schema.files
        ),
        raw_retention_days=days(RAW_RETENTION),
        rollup_retention_days=days(ROLLUP_RETENTION),
    )


def verify(url: str, *, folder: Path | None = None) -> list[Difference]:
    """Compares every object's definition with that of a freshly built schema, which is dropped afterwards.

    The fresh schema is built in a database of its own; where the user may not create one, in the same database under
    names that begin with ``agentsight_verify_``.

    Returns:
        The differences by object; empty where there are none. Objects of your own are left out. Of an ``otel_traces``
        that existed before the schema, only the columns that the schema added are compared.

    Raises:
        SchemaNotApplied: The database has no schema, or an unfinished one.
        SchemaForbidden: The user lacks a right.
        ClickHouseConnectionError: ClickHouse cannot be reached, or refuses the login.
    """
    return verify_schema(url, load(folder))


def verify_schema(url: str, schema: SchemaFolder) -> list[Difference]:
    """As ``verify``, of a schema that was read."""
    with connected(url) as (client, database):
        entries = History(client, database, of_query_node=schema.is_query_node).read()
        if COMPLETE not in entries:
            raise SchemaNotApplied(f"the schema of database {database!r} was never applied; there is nothing to verify")
        retention = {
            setting: int(entries[setting].value) for setting in (RAW_RETENTION, ROLLUP_RETENTION) if setting in entries
        }
        adopted = ADOPTED in entries and entries[ADOPTED].value == "1"
        expected, existing = _built_fresh(client, database, schema, retention, adopted), definitions(client, database)
        if adopted:
            existing[SPANS] = _derived_columns(client, database, SPANS)
    return [
        Difference(name, "different" if name in existing else "missing", definition, existing.get(name, ""))
        for name, definition in expected.items()
        if existing.get(name) != definition
    ]


def definitions(client: Any, database: str, prefix: str = "") -> dict[str, str]:
    """The definitions (SHOW CREATE) of a database's tables and views by name, with ``{database}`` for its own name.
    Engines that replicate are written as those that do not: whether to replicate is the cluster's choice.

    Args:
        client: A clickhouse-connect client.
        database: The database's plain name.
        prefix: A prefix of the objects' names, which is taken off; objects without it are left out.
    """
    rows = client.query(
        "SELECT name, create_table_query, engine FROM system.tables WHERE database = {database:String}"
        " AND startsWith(name, {prefix:String}) ORDER BY name",
        parameters={"database": database, "prefix": prefix},
    ).result_rows
    return {
        name.removeprefix(prefix): _anonymous(plain_engine(query), database, prefix)
        for name, query, engine in rows
        if name not in _OWN_TABLES or engine == "Distributed"
    }


def _anonymous(query: str, database: str, prefix: str) -> str:
    """A definition with ``{database}`` for its database's name; inside a string ('agentsight.span.kind') it stays."""
    return re.sub(
        rf"(?P<name>'{database}')|(?P<text>'(?:[^'\\]|\\.)*')|\b{database}\.{prefix}(?!\d)",
        lambda match: "'{database}'" if match["name"] else match["text"] or "{database}.",
        query,
    )


def _derived_columns(client: Any, database: str, table: str) -> str:
    rows = client.query(
        "SELECT name, type, default_kind, default_expression FROM system.columns WHERE database = {database:String}"
        " AND table = {table:String} AND default_kind != '' ORDER BY name",
        parameters={"database": database, "table": table},
    ).result_rows
    return "\n".join(" ".join(row) for row in rows)


def _built_fresh(
    client: Any, database: str, schema: SchemaFolder, retention: dict[str, int], adopted: bool
) -> dict[str, str]:
    from clickhouse_connect.driver.exceptions import DatabaseError

    prefix = f"agentsight_verify_{secrets.token_hex(8)}"
    scratch, prefix_of_names = prefix, ""
    try:
        if schema.is_query_node:  # the shards have the tables in a database of this name only
            scratch, prefix_of_names = database, f"{prefix}_"
        else:
            client.command(f"CREATE DATABASE {scratch}")
    except DatabaseError as error:
        if error_code(error) != ACCESS_DENIED:
            raise
        scratch, prefix_of_names = database, f"{prefix}_"
    built: list[str] = []
    try:
        for file in schema.files:
            for statement in file.statements(scratch, prefix_of_names):
                built.append(file.name)
                client.command(statement)
        for setting, days in retention.items():
            set_retention(client, scratch, setting, days, prefix=prefix_of_names)
        expected = definitions(client, scratch, prefix_of_names)
        if adopted:
            expected[SPANS] = _derived_columns(client, scratch, f"{prefix_of_names}{SPANS}")
        return expected
    finally:
        if prefix_of_names:
            for name in reversed(built):
                client.command(f"DROP TABLE IF EXISTS {scratch}.{prefix_of_names}{name} SYNC")
        else:
            client.command(f"DROP DATABASE IF EXISTS {scratch} SYNC")
