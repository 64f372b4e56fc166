"""Plans and applies the schema."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentsight_otel import clickhouse_client, clickhouse_url
from agentsight_otel.schema.errors import SchemaEdited, SchemaNewer, SchemaNotApplied, SchemaOnShards
from agentsight_otel.schema.files import Kind, SchemaFile, SchemaFolder, load
from agentsight_otel.schema.filling import fill
from agentsight_otel.schema.history import (
    COMPLETE,
    RAW_RETENTION,
    ROLLUP_RETENTION,
    Entry,
    History,
    edited_files,
    installed_version,
    newest_version,
)
from agentsight_otel.schema.lock import schema_lock

_RETENTION_TABLES = {
    RAW_RETENTION: {"otel_traces": "toDate32(Timestamp, 'UTC')"},
    ROLLUP_RETENTION: {
        "conversation_days": "toDate32(day)",
        "tool_calls": "toDate32(day)",
        "feedback": "toDate32(day)",
    },
}
MAX_RETENTION_DAYS = 36_500


@dataclass(frozen=True)
class Step:
    """One thing that applying does.

    Attributes:
        entry: The schema file, or the retention setting.
        action: ``create``, ``replace``, ``seed``, ``migrate`` or ``set``.
        reason: Why, for people.
    """

    entry: str
    action: str
    reason: str


def plan(
    url: str,
    *,
    raw_retention_days: int | None = None,
    rollup_retention_days: int | None = None,
    folder: Path | None = None,
) -> list[Step]:
    """What ``apply`` with the same arguments would do now; changes nothing.

    Returns:
        The steps in order; empty when the database is up to date.

    Raises:
        SchemaNewer, SchemaEdited, SchemaOnShards, ClickHouseConnectionError, ValueError: As ``apply`` would.
    """
    retention = _retention(raw_retention_days, rollup_retention_days)
    schema = load(folder)
    with connected(url) as (client, database):
        return [step for step, _ in _steps(client, database, schema, History(client, database).read(), retention)]


def apply(
    url: str,
    *,
    raw_retention_days: int | None = None,
    rollup_retention_days: int | None = None,
    report: Callable[[Step], object] | None = None,
    folder: Path | None = None,
) -> list[Step]:
    """Brings a database to this version of the schema, creating the database where there is none.

    Args:
        url: ``http://user:password@host:port/database``, or https.
        raw_retention_days: Days after which spans are deleted from ``otel_traces``; 0 keeps them. None leaves the
            setting as it is, in a new database 0.
        rollup_retention_days: The same for the tables that the metrics are computed from.
        report: Called with each step before it is done.
        folder: Another schema than the one that ships with this package.

    Returns:
        The steps done; empty when the database was up to date.

    Raises:
        SchemaNewer: The database is of a newer version; nothing was changed.
        SchemaEdited: A file was edited after it was applied; nothing was changed.
        SchemaOnShards: The database is a query node's; nothing was changed.
        SchemaLocked: Another process held the schema's lock for a minute.
        ClickHouseConnectionError: ClickHouse cannot be reached, or refuses the login.
        ValueError: A retention is not a number of days from 0 to 36,500.
    """
    retention = _retention(raw_retention_days, rollup_retention_days)
    schema = load(folder)
    with connected(url) as (client, database):
        history = History(client, database)
        # Nothing is locked or created for a database that is up to date or beyond us.
        if not _steps(client, database, schema, history.read(), retention):
            return []
        if not _database_exists(client, database):
            client.command(f"CREATE DATABASE IF NOT EXISTS {database}")
        with schema_lock(client, database):
            history.create()
            steps = _steps(client, database, schema, history.read(), retention)
            for step, do in steps:
                if report is not None:
                    report(step)
                do()
            history_now = history.read()
            if installed_version(history_now) != schema.version:
                history.record(COMPLETE, schema.version, str(schema.version))
    return [step for step, _ in steps]


def check(url: str, *, folder: Path | None = None) -> None:
    """Makes sure that a database has this version of the schema, by one quick look.

    Raises:
        SchemaNotApplied: There is none, an unfinished one, or an older one.
        SchemaNewer: It is of a newer version.
        ClickHouseConnectionError: ClickHouse cannot be reached, or refuses the login.
    """
    schema = load(folder)
    with connected(url) as (client, database):
        entries = History(client, database).read()
    _refuse_newer(database, schema, entries)
    installed = installed_version(entries)
    if installed is None:
        found = "is unfinished" if entries else "was never applied"
    elif installed < schema.version:
        found = f"is of version {installed}, this agentsight-otel needs version {schema.version}"
    else:
        return
    raise SchemaNotApplied(
        f"the schema of database {database!r} {found}; run: agentsight-otel schema apply --clickhouse-url "
        + clickhouse_url.parse(url).redacted()
    )


def set_retention(client: Any, database: str, setting: str, days: int) -> None:
    """Gives the tables behind a retention setting their TTL; 0 days removes it."""
    for table, date in _RETENTION_TABLES[setting].items():
        name = f"{database}.{table}"
        if days:
            client.command(f"ALTER TABLE {name} MODIFY TTL {date} + toIntervalDay({days})")
        elif _has_ttl(client, database, table):
            client.command(f"ALTER TABLE {name} REMOVE TTL")


def _has_ttl(client: Any, database: str, table: str) -> bool:
    rows = client.query(
        "SELECT create_table_query FROM system.tables WHERE database = {database:String} AND name = {table:String}",
        parameters={"database": database, "table": table},
    ).result_rows
    return bool(rows) and " TTL " in rows[0][0]


_Action = tuple[Step, Callable[[], None]]


def _steps(
    client: Any, database: str, schema: SchemaFolder, entries: dict[str, Entry], retention: dict[str, int]
) -> list[_Action]:
    _refuse_query_node(client, database)
    _refuse_newer(database, schema, entries)
    edited = edited_files(entries, schema)
    if edited:
        raise SchemaEdited(
            f"{', '.join(edited)}: edited after being applied to database {database!r} as version {schema.version}."
            " Restore the file, or raise VERSION and say in a migration how tables get there"
        )
    return [
        *_migration_steps(client, database, schema, entries),
        *_file_steps(client, database, schema, entries),
        *_retention_steps(client, database, schema, entries, retention),
    ]


def _migration_steps(client: Any, database: str, schema: SchemaFolder, entries: dict[str, Entry]) -> Iterator[_Action]:
    installed = installed_version(entries)
    if installed is None:
        return
    for version, file in schema.migrations:
        if installed < version <= schema.version and entries.get(file.name) is None:
            step = Step(file.name, "migrate", f"version {version - 1} to {version}")
            yield step, _run(client, database, schema, file)


def _file_steps(client: Any, database: str, schema: SchemaFolder, entries: dict[str, Entry]) -> Iterator[_Action]:
    present = {
        row[0]
        for row in client.query(
            "SELECT name FROM system.tables WHERE database = {database:String}",
            parameters={"database": database},
        ).result_rows
    }
    for file in schema.files:
        entry = entries.get(file.name)
        exists = file.object_name in present
        if file.kind is Kind.SEED:
            if entry is None:
                yield Step(file.name, "seed", "new"), _run(client, database, schema, file)
        elif entry is None or not exists:
            reason = "new" if entry is None else "missing in the database"
            fills = file.kind is Kind.MATERIALIZED_VIEW
            yield Step(file.name, "create", reason), _run(client, database, schema, file, fills)
        elif entry.version < schema.version:
            # Tables exist already, brought up to date by the migrations; views are replaced.
            step = Step(file.name, "replace", f"version {entry.version} to {schema.version}")
            yield step, _run(client, database, schema, file)


def _retention_steps(
    client: Any, database: str, schema: SchemaFolder, entries: dict[str, Entry], retention: dict[str, int]
) -> Iterator[_Action]:
    for setting, days in retention.items():
        before = int(entries[setting].value) if setting in entries else 0
        if days != before:
            reason = f"from {_days(before)} to {_days(days)}"
            yield Step(setting, "set", reason), _set(client, database, schema, setting, days)


def _run(client: Any, database: str, schema: SchemaFolder, file: SchemaFile, fills: bool = False) -> Callable[[], None]:
    def run() -> None:
        for statement in file.statements(database):
            client.command(statement)
        if fills:
            fill(client, database, file)
        History(client, database).record(file.name, schema.version, file.checksum)

    return run


def _set(client: Any, database: str, schema: SchemaFolder, setting: str, days: int) -> Callable[[], None]:
    def run() -> None:
        set_retention(client, database, setting, days)
        History(client, database).record(setting, schema.version, str(days))

    return run


def _refuse_newer(database: str, schema: SchemaFolder, entries: dict[str, Entry]) -> None:
    newest = newest_version(entries)
    if newest > schema.version:
        raise SchemaNewer(
            f"the schema of database {database!r} is of version {newest}, newer than this agentsight-otel's"
            f" version {schema.version}: upgrade agentsight-otel"
        )


def _refuse_query_node(client: Any, database: str) -> None:
    # Materialised views there would fail every insert.
    if client.query(
        "SELECT count() FROM system.tables WHERE database = {database:String} AND name = 'otel_traces'"
        " AND engine = 'Distributed'",
        parameters={"database": database},
    ).result_rows[0][0]:
        raise SchemaOnShards(
            f"database {database!r} reads the shards of a cluster: apply the schema to each of them, and here what"
            " docs/cluster.md says"
        )


def _retention(raw_days: int | None, rollup_days: int | None) -> dict[str, int]:
    wanted = {RAW_RETENTION: raw_days, ROLLUP_RETENTION: rollup_days}
    for setting, days in wanted.items():
        if days is not None and not 0 <= days <= MAX_RETENTION_DAYS:
            raise ValueError(f"{setting}: {days}: expected a number of days from 0 (keep) to {MAX_RETENTION_DAYS}")
    return {setting: days for setting, days in wanted.items() if days is not None}


def _days(days: int) -> str:
    return f"{days} days" if days else "keep"


def _database_exists(client: Any, database: str) -> bool:
    return bool(
        client.query(
            "SELECT count() FROM system.databases WHERE name = {database:String}",
            parameters={"database": database},
        ).result_rows[0][0]
    )


@contextmanager
def connected(url: str) -> Iterator[tuple[Any, str]]:
    """A client in no particular database (ours may not exist yet), and our database's name."""
    with clickhouse_client.connect(url, database="default") as client:
        yield client, clickhouse_url.parse(url).database
