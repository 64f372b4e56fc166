"""Plans and applies the schema."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import url as clickhouse_url
from agentsight_otel.clickhouse.schema.errors import SchemaNotApplied
from agentsight_otel.clickhouse.schema.files import SchemaFolder, load
from agentsight_otel.clickhouse.schema.history import COMPLETE, History, installed_version
from agentsight_otel.clickhouse.schema.lock import schema_lock
from agentsight_otel.clickhouse.schema.retention import wanted_retention
from agentsight_otel.clickhouse.schema.rights import explained_rights
from agentsight_otel.clickhouse.schema.server import refuse_old_server
from agentsight_otel.clickhouse.schema.steps import Applying, Step, refuse_newer


def plan(
    url: str,
    *,
    raw_retention_days: int | None = None,
    rollup_retention_days: int | None = None,
    folder: Path | None = None,
) -> list[Step]:
    """The steps that ``apply`` with the same arguments would take now; changes nothing.

    Returns:
        The steps in order; empty when the database is up to date.

    Raises:
        SchemaError, ClickHouseConnectionError, ValueError: As ``apply`` would.
    """
    return plan_schema(url, load(folder), wanted_retention(raw_retention_days, rollup_retention_days))


def plan_schema(url: str, schema: SchemaFolder, retention: dict[str, int]) -> list[Step]:
    """As ``plan``, of a schema that was read, with the retention settings in days by name."""
    with connected(url) as (client, database):
        refuse_old_server(client)
        return [step for step, _ in Applying(client, database, schema, retention, _no_report).steps()]


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
        rollup_retention_days: Days after which rows of the tables behind the metrics are deleted; 0 keeps them. None
            leaves the setting as it is, in a new database 0.
        report: Called with each step before it is taken, and with each part of a long one (``fill``).
        folder: The folder of a schema. Default: the one that ships with this package.

    Returns:
        The steps done; empty when the database was up to date.

    Raises:
        ClickHouseTooOld: The server is older than the schema needs; nothing was changed.
        SchemaClash: The database holds foreign objects under the schema's names; nothing was changed.
        SchemaNewer: The database is of a newer version; nothing was changed.
        SchemaEdited: A file was edited after it was applied; nothing was changed.
        SchemaOnShards: The database is a query node's; nothing was changed.
        SchemaLocked: Another process held the schema's lock for a minute.
        SchemaForbidden: The user lacks a right. Once it is granted, applying again completes what was begun.
        ClickHouseConnectionError: ClickHouse cannot be reached, or refuses the login.
        ValueError: A retention is not a number of days from 0 to 36,500.
    """
    retention = wanted_retention(raw_retention_days, rollup_retention_days)
    return apply_schema(url, load(folder), retention, _no_report if report is None else report)


def apply_schema(
    url: str, schema: SchemaFolder, retention: dict[str, int], report_step: Callable[[Step], object]
) -> list[Step]:
    """As ``apply``, of a schema that was read, with the retention settings in days by name."""
    with connected(url) as (client, database):
        refuse_old_server(client)
        # Nothing is locked or created for a database that is up to date or must be left alone.
        steps = Applying(client, database, schema, retention, report_step).steps()
        history = History(client, database, of_query_node=schema.is_query_node)
        if not steps and installed_version(history.read()) == schema.version:
            return []
        if not database_exists(client, database):
            client.command(f"CREATE DATABASE IF NOT EXISTS {database}")
        with schema_lock(client, database):
            history.create()
            applying = Applying(client, database, schema, retention, report_step)
            steps = applying.steps()
            with applying.announced(steps):
                for step, do in steps:
                    report_step(step)
                    do()
                applying.fill()
            if installed_version(history.read()) != schema.version:
                history.record({COMPLETE: str(schema.version)}, schema.version)
    return [step for step, _ in steps]


def check(url: str, *, folder: Path | None = None) -> None:
    """Makes sure that a database has this version of the schema, by one quick query.

    Raises:
        SchemaNotApplied: The database has no schema, an unfinished one, or one of an older version.
        SchemaNewer: The database's schema is of a newer version.
        SchemaForbidden: The user may not read the database.
        ClickHouseConnectionError: ClickHouse cannot be reached, or refuses the login.
    """
    schema = load(folder)
    with connected(url) as (client, database):
        entries = History(client, database).read()
    refuse_newer(database, schema, entries)
    installed = installed_version(entries)
    if installed is None:
        problem = "is unfinished" if entries else "was never applied"
    elif installed < schema.version:
        problem = f"is of version {installed}, this agentsight-otel needs version {schema.version}"
    else:
        return
    raise SchemaNotApplied(
        f"the schema of database {database!r} {problem}; run: agentsight-otel schema apply --clickhouse-url "
        + clickhouse_url.parse(url).redacted()
    )


def _no_report(step: Step) -> None:
    """The ``report`` of callers that want no reports."""


def database_exists(client: Any, database: str) -> bool:
    """Whether the server has a database of that name, as far as the user may see it."""
    return bool(
        client.query(
            "SELECT count() FROM system.databases WHERE name = {database:String}",
            parameters={"database": database},
        ).result_rows[0][0]
    )


@contextmanager
def connected(url: str) -> Iterator[tuple[Any, str]]:
    """A client in no particular database, since the URL's may not exist yet, and the name of the URL's database."""
    address = clickhouse_url.parse(url)
    with (
        explained_rights(address.username, address.database),
        clickhouse_client.connect(url, database="default") as client,
    ):
        yield client, address.database
