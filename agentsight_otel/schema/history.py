"""What was applied to a database, as the database itself remembers it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agentsight_otel.schema.files import SchemaFolder

COMPLETE = "VERSION"
"""The entry written last: everything of that version was applied."""
RAW_RETENTION = "raw_retention_days"
ROLLUP_RETENTION = "rollup_retention_days"

_CREATE = """
CREATE TABLE IF NOT EXISTS {database}.schema_history
(
    `entry` String COMMENT 'A schema file, VERSION once all of a version are applied, or a retention setting',
    `version` UInt32 COMMENT 'The version of the schema that it was applied with',
    `value` String COMMENT 'SHA-256 of the file; days of a retention setting',
    `applied_at` DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(applied_at)
ORDER BY (entry, version)
"""


@dataclass(frozen=True)
class Entry:
    """The latest record of a file or setting."""

    version: int
    value: str
    applied_at: datetime


class History:
    """Reads and writes a database's ``schema_history``.

    Args:
        client: A clickhouse-connect client that may stand in any database.
        database: The database's plain name.
    """

    def __init__(self, client: Any, database: str) -> None:
        self._client = client
        self._database = database

    def read(self) -> dict[str, Entry]:
        """The latest entries by name; empty where there is no database or no history."""
        if not self._exists():
            return {}
        rows = self._client.query(
            "SELECT entry, max(version) AS latest, argMax(value, (version, applied_at)),"
            " argMax(applied_at, (version, applied_at))"
            f" FROM {self._database}.schema_history GROUP BY entry"
        ).result_rows
        return {entry: Entry(int(version), value, applied_at) for entry, version, value, applied_at in rows}

    def create(self) -> None:
        """Creates the table where there is none."""
        self._client.command(_CREATE.replace("{database}", self._database))

    def record(self, entry: str, version: int, value: str) -> None:
        """Remembers that a file or setting was applied now."""
        self._client.command(
            f"INSERT INTO {self._database}.schema_history"
            " SELECT {entry:String}, {version:UInt32}, {value:String}, now64(3, 'UTC')",
            parameters={"entry": entry, "version": version, "value": value},
        )

    def _exists(self) -> bool:
        return bool(
            self._client.query(
                "SELECT count() FROM system.tables WHERE database = {database:String} AND name = 'schema_history'",
                parameters={"database": self._database},
            ).result_rows[0][0]
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
        and entries[file.name].value != file.checksum
    ]
