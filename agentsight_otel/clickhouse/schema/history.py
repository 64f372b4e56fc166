"""The database's own record of what was applied to it: its table ``schema_history``."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agentsight_otel.clickhouse.client import error_code
from agentsight_otel.clickhouse.schema.files import SchemaFolder

HISTORY_TABLE = "schema_history"
QUERY_NODE_HISTORY_TABLE = "query_node_history"
"""A query node's own record: its ``schema_history`` is that of the shards."""
HISTORY_COLUMNS = ("entry", "version", "value", "applied_at")
COMPLETE = "VERSION"
"""The entry written last: everything of that version was applied."""
CREATING = "creating"
"""The value of an object that is about to be created, by which a run that was interrupted recognises its own."""
ADOPTING = "adopting"
"""The value of a foreign table that is being taken over."""
ADOPTED = "otel_traces adopted"
"""The entry whose value is 1 where ``otel_traces`` existed before the schema and was taken over."""
RAW_RETENTION = "raw_retention_days"
ROLLUP_RETENTION = "rollup_retention_days"

_NOT_THERE = (47, 60, 81)
"""ClickHouse's error codes for an unknown column (a foreign table of that name), table and database."""

_CREATE = """
CREATE TABLE IF NOT EXISTS {database}.{history}
(
    `entry` String COMMENT 'An object, a migration, VERSION once all of a version are applied, or a retention setting',
    `version` UInt32 COMMENT 'The version of the schema that it was applied with',
    `value` String COMMENT 'SHA-256 of its text; days of a retention setting',
    `applied_at` DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(applied_at)
ORDER BY (entry, version)
COMMENT 'What agentsight-otel applied to this database. Grain: one row per entry and version.'
"""


@dataclass(frozen=True)
class Entry:
    """The latest record of an object, a migration or a setting."""

    version: int
    value: str
    applied_at: datetime


class History:
    """Reads and writes a database's ``schema_history``.

    Args:
        client: A clickhouse-connect client that may stand in any database.
        database: The database's plain name.
        of_query_node: Whether it is that of a query node, ``query_node_history``.
    """

    def __init__(self, client: Any, database: str, *, of_query_node: bool = False) -> None:
        self._client = client
        self._database = database
        self._table = QUERY_NODE_HISTORY_TABLE if of_query_node else HISTORY_TABLE

    def read(self) -> dict[str, Entry]:
        """The latest entries by name; empty where the database or its ``schema_history`` does not exist.

        Raises:
            DatabaseError: ClickHouse refuses the query, for example because the user lacks the right to read.
        """
        from clickhouse_connect.driver.exceptions import DatabaseError

        try:
            rows = self._client.query(
                "SELECT entry, max(version) AS latest, argMax(value, (version, applied_at)),"
                " argMax(applied_at, (version, applied_at))"
                f" FROM {self._database}.{self._table} GROUP BY entry"
            ).result_rows
        except DatabaseError as error:
            if error_code(error) in _NOT_THERE:
                return {}
            raise
        return {entry: Entry(int(version), value, applied_at) for entry, version, value, applied_at in rows}

    def create(self) -> None:
        """Creates the table ``schema_history`` where it does not exist."""
        self._client.command(_CREATE.replace("{database}", self._database).replace("{history}", self._table))

    def record(self, values: Mapping[str, str], version: int) -> None:
        """Records what files and settings are now, by name, in one insert, which costs more than most statements."""
        if values:
            self._client.command(
                f"INSERT INTO {self._database}.{self._table}"
                " SELECT entry, {version:UInt32}, value, now64(6, 'UTC')"
                " FROM (SELECT {entries:Array(String)} AS entry, {values:Array(String)} AS value)"
                " ARRAY JOIN entry, value",
                parameters={"entries": list(values), "version": version, "values": list(values.values())},
            )


def installed_version(entries: dict[str, Entry]) -> int | None:
    """The newest version that was applied in full; None where there is none."""
    return entries[COMPLETE].version if COMPLETE in entries else None


def newest_version(entries: dict[str, Entry]) -> int:
    """The newest version of which anything was applied; 0 where there is none."""
    return max((entry.version for entry in entries.values()), default=0)


def edited_files(entries: dict[str, Entry], schema: SchemaFolder) -> list[str]:
    """Names of the files whose text differs from what was applied as the same version."""
    return [
        file.name
        for file in (*schema.files, *(migration for _, migration in schema.migrations))
        if file.name in entries
        and entries[file.name].version == schema.version
        and entries[file.name].value not in (file.checksum, CREATING, ADOPTING)
    ]
