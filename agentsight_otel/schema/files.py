"""The schema's files: one object each, applied in the order of their names."""

import hashlib
import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from agentsight_otel import bundled

_OBJECT = re.compile(
    r"^(?:CREATE\s+(?:OR\s+REPLACE\s+)?(TABLE|MATERIALIZED\s+VIEW|VIEW)\s+(?:IF\s+NOT\s+EXISTS\s+)?|(INSERT)\s+INTO\s+)"
    r"\{database\}\.(\w+)",
    re.MULTILINE,
)

_VIEW_PARTS = re.compile(r"^CREATE\s+MATERIALIZED\s+VIEW[^\n]*\sTO\s+([\w.]+)\s+AS\n(.*)", re.MULTILINE | re.DOTALL)


class Kind(Enum):
    """What a file holds."""

    TABLE = "table"
    MATERIALIZED_VIEW = "materialized view"
    VIEW = "view"
    SEED = "seed"
    """Rows that a table starts with, inserted once."""
    MIGRATION = "migration"
    """Statements that bring the tables of the version before to this one."""


@dataclass(frozen=True)
class SchemaFile:
    """One file of the schema.

    Attributes:
        name: File name, relative to the schema's folder.
        kind: What it holds.
        object_name: The table or view it creates or fills; '' for a migration.
        sql: Its text, with ``{database}`` where the database's name belongs.
    """

    name: str
    kind: Kind
    object_name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, lower-case hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    def statements(self, database: str) -> list[str]:
        """The statements to run, one at a time, for a database (its plain name, unquoted)."""
        text = self.sql.replace("{database}", database)
        parts = re.split(r";[ \t]*$", text, flags=re.MULTILINE)
        return [part.strip() for part in parts if _without_comments(part).strip()]

    def filling(self, database: str) -> str:
        """For a materialised view: an INSERT into its target of what it would have made of the rows there are."""
        match = _VIEW_PARTS.search(self.statements(database)[0])
        if match is None:
            raise ValueError(f"{self.name}: expected CREATE MATERIALIZED VIEW … TO … AS and a line's end")
        return f"INSERT INTO {match[1]}\n{match[2]}"


@dataclass(frozen=True)
class SchemaFolder:
    """A whole schema.

    Attributes:
        version: Raised by one with every released change.
        files: One object each, in the order in which they are applied.
        migrations: By the version they lead to, in order.
    """

    version: int
    files: tuple[SchemaFile, ...]
    migrations: tuple[tuple[int, SchemaFile], ...]


def load(folder: Path | None = None) -> SchemaFolder:
    """Reads a schema.

    Args:
        folder: Holds ``VERSION``, ``NNN_name.sql`` files and, from the second version on, ``migrations/NNNN_name.sql``,
            NNNN being the version they lead to. Default: the schema that ships with this package.

    Raises:
        ValueError: A file does not begin with the one object it is for.
    """
    folder = bundled.folder("clickhouse_schema") if folder is None else folder
    return SchemaFolder(
        version=int((folder / "VERSION").read_text()),
        files=tuple(_read(path) for path in sorted(folder.glob("[0-9]*.sql"))),
        migrations=tuple(
            (
                int(path.name.split("_")[0]),
                SchemaFile(f"migrations/{path.name}", Kind.MIGRATION, "", path.read_text()),
            )
            for path in sorted((folder / "migrations").glob("[0-9]*.sql"))
        ),
    )


def _read(path: Path) -> SchemaFile:
    sql = path.read_text()
    match = _OBJECT.search(sql)
    if match is None:
        raise ValueError(f"{path.name}: expected a CREATE or an INSERT of one object in {{database}}")
    kind = Kind.SEED if match[2] else Kind(re.sub(r"\s+", " ", match[1]).lower())
    return SchemaFile(path.name, kind, match[3], sql)


def _without_comments(sql: str) -> str:
    return re.sub(r"--.*$", "", sql, flags=re.MULTILINE)
