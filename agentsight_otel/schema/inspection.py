"""Looks at the schema that a database has: what was applied, and whether it is still that."""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from agentsight_otel.schema.applier import connected, set_retention
from agentsight_otel.schema.errors import SchemaNotApplied
from agentsight_otel.schema.files import Kind, SchemaFolder, load
from agentsight_otel.schema.history import (
    COMPLETE,
    RAW_RETENTION,
    ROLLUP_RETENTION,
    History,
    edited_files,
    installed_version,
    newest_version,
)

_OWN_TABLES = ("schema_history", "schema_lock")


@dataclass(frozen=True)
class FileStatus:
    """One schema file in one database.

    Attributes:
        name: The file.
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
        database: Its name.
        code_version: The version that this agentsight-otel brings.
        installed_version: The version applied in full; None where there is none.
        newest_version: The newest version of which anything was applied; 0 where there is none.
        files: In the order in which they are applied.
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
    """An object that is not what the schema says.

    Attributes:
        object_name: The table or view.
        problem: ``missing`` or ``different``.
        expected: Its definition in a database built fresh.
        found: Its definition here; '' where it is missing.
    """

    object_name: str
    problem: str
    expected: str
    found: str


def status(url: str, *, folder: Path | None = None) -> Status:
    """What was applied to a database; changes nothing, and answers for any version.

    Raises:
        ClickHouseConnectionError: ClickHouse cannot be reached, or refuses the login.
    """
    schema = load(folder)
    with connected(url) as (client, database):
        entries = History(client, database).read()
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
    """Compares every object's definition with that of a database built fresh beside it, which it drops afterwards.

    Returns:
        The differences by object; empty when all is as it should be. Objects of your own are left out.

    Raises:
        SchemaNotApplied: There is no schema, or an unfinished one.
        ClickHouseConnectionError: ClickHouse cannot be reached, or refuses the login.
    """
    schema = load(folder)
    with connected(url) as (client, database):
        entries = History(client, database).read()
        if COMPLETE not in entries:
            raise SchemaNotApplied(f"the schema of database {database!r} was never applied; there is nothing to verify")
        retention = {
            setting: int(entries[setting].value) for setting in (RAW_RETENTION, ROLLUP_RETENTION) if setting in entries
        }
        expected = _built_fresh(client, schema, retention)
        found = definitions(client, database)
    return [
        Difference(name, "different" if name in found else "missing", definition, found.get(name, ""))
        for name, definition in expected.items()
        if found.get(name) != definition
    ]


def definitions(client: Any, database: str) -> dict[str, str]:
    """What SHOW CREATE says of a database's tables and views, by name, with ``{database}`` for its own name."""
    rows = client.query(
        "SELECT name, create_table_query FROM system.tables WHERE database = {database:String} ORDER BY name",
        parameters={"database": database},
    ).result_rows
    return {name: _anonymous(query, database) for name, query in rows if name not in _OWN_TABLES}


def _anonymous(query: str, database: str) -> str:
    """A definition without its database's name; in a string, such as 'agentsight.span.kind', the same word is none."""
    return re.sub(
        rf"(?P<name>'{database}')|(?P<text>'(?:[^'\\]|\\.)*')|\b{database}\.",
        lambda found: "'{database}'" if found["name"] else found["text"] or "{database}.",
        query,
    )


def _built_fresh(client: Any, schema: SchemaFolder, retention: dict[str, int]) -> dict[str, str]:
    scratch = f"agentsight_verify_{secrets.token_hex(8)}"
    client.command(f"CREATE DATABASE {scratch}")
    try:
        for file in schema.files:
            if file.kind is not Kind.SEED:
                for statement in file.statements(scratch):
                    client.command(statement)
        for setting, days in retention.items():
            set_retention(client, scratch, setting, days)
        return definitions(client, scratch)
    finally:
        client.command(f"DROP DATABASE IF EXISTS {scratch} SYNC")
