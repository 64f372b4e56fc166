"""The schema's files: each holds one object and is named after it; they are applied in the order of dependencies."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from graphlib import TopologicalSorter
from pathlib import Path

from agentsight_otel.clickhouse import bundled
from agentsight_otel.clickhouse.schema.macros import Macro, expand, read_macros, split_arguments

FOLDERS = ("tables", "rollups", "internal", "metrics", "views", "pipeline", "page")
"""The folders of objects, in reading order."""

_OBJECT = re.compile(
    r"^CREATE\s+(?:OR\s+REPLACE\s+)?(TABLE|MATERIALIZED\s+VIEW|VIEW)\s+(?:IF\s+NOT\s+EXISTS\s+)?\{database\}\.(\w+)",
    re.MULTILINE,
)
_ONLY_IF_NEW = re.compile(r"^CREATE (?:OR REPLACE )?(TABLE|MATERIALIZED VIEW|VIEW) (?:IF NOT EXISTS )?", re.MULTILINE)
_VIEW_QUERY = re.compile(r"\A(CREATE (?:OR REPLACE |MATERIALIZED )VIEW .*?) AS\n(.*)\Z", re.DOTALL)
_SETTINGS = (
    "prefer_column_name_to_alias = 0",
    "force_grouping_standard_compatibility = 1",
    "aggregate_functions_null_for_empty = 0",
    "empty_result_for_aggregation_by_empty_set = 0",
)
"""Settings that each view fixes for itself: with other values in a profile it would be refused or answer wrongly."""
_ENGINE = re.compile(r"^ENGINE = (\w*MergeTree)(?:\(([^()]*)\))?", re.MULTILINE)
_REPLICATED = re.compile(r"\bReplicated(\w*MergeTree)\('[^']*', '[^']*'(?:, )?([^()]*)\)")
_REFERENCE = re.compile(r"\{database\}\.(\w+)")
_VIEW_PARTS = re.compile(r"^CREATE\s+MATERIALIZED\s+VIEW[^\n]*\sTO\s+([\w.{}]+)\s+AS\n(.*)", re.MULTILINE | re.DOTALL)


class Kind(Enum):
    """The kind of object that a file holds."""

    TABLE = "table"
    MATERIALIZED_VIEW = "materialized view"
    VIEW = "view"
    DISTRIBUTED = "distributed table"
    """A table of a query node: it stores nothing, and reads those of the same name on the shards of a cluster."""
    MIGRATION = "migration"
    """Statements that change the tables of the previous version into those of this one."""


@dataclass(frozen=True)
class SchemaFile:
    """One object of the schema, or a migration.

    Attributes:
        name: The object's name, or the migration's: ``migrations/0002_stars``; its name in ``schema_history``.
        kind: The kind of object.
        sql: The file's text with macros replaced, and ``{database}`` where the database's name belongs.
        folder: One of ``FOLDERS``, ``migrations`` or ``cluster``.
        is_replicated: Whether a table is created with an engine that replicates its rows.
    """

    name: str
    kind: Kind
    sql: str
    folder: str
    is_replicated: bool = False

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, lower-case hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def comment(self) -> str:
        """The object's COMMENT in the database: the first paragraph of the file's header, in one line."""
        lines = []
        for line in self.sql.splitlines():
            if not line.startswith("-- "):
                break
            lines.append(line.removeprefix("-- ").strip())
        return " ".join(lines)

    @property
    def references(self) -> frozenset[str]:
        """The names of the other objects that the text refers to."""
        return frozenset(_REFERENCE.findall(_without_comments(self.sql))) - {self.name}

    @property
    def target(self) -> str:
        """The name of the table that a materialised view fills; '' of other objects."""
        return self.target_and_query("")[0].removeprefix(".") if self.kind is Kind.MATERIALIZED_VIEW else ""

    def statements(self, database: str, prefix: str = "") -> list[str]:
        """The statements that create the object, or migrate; to be run one at a time.

        Safe to repeat: an existing table or materialised view stays, a view is replaced.

        Args:
            database: The database's plain name.
            prefix: A prefix for the names of the schema's objects, this one's and those that it reads.
        """
        statements = [part for part in self._parts(database, prefix) if not part.startswith("INSERT")]
        if self.kind in (Kind.VIEW, Kind.MATERIALIZED_VIEW):
            # Without parentheses ClickHouse before 26 takes COMMENT for the alias of the last table.
            settled = _with_settings if self.kind is Kind.VIEW else str.rstrip
            statements[0] = _VIEW_QUERY.sub(
                lambda view: f"{view[1]} AS\n(\n{settled(view[2])}\n)", statements[0], count=1
            )
        if self.kind is not Kind.MIGRATION:
            statements[0] += f"\nCOMMENT {_quoted(self.comment)}"
        return statements

    def first_statements(self, database: str) -> list[str]:
        """The statements that create an object that must not exist yet: they fail where somebody has created it."""
        return [_ONLY_IF_NEW.sub(r"CREATE \1 ", text, count=1) for text in self.statements(database)]

    def column_definitions(self, database: str) -> dict[str, str]:
        """The definitions of a table's columns as SQL text, by column name, in order."""
        text = self._parts(database)[0]
        body = text[text.index("\n(\n") + 3 : text.index("\n)\n")]
        return {
            definition[1 : definition.index("`", 1)]: definition
            for definition in split_arguments(body)
            if definition.startswith("`")
        }

    def first_rows(self, database: str) -> list[str]:
        """The statements that insert a new table's first rows."""
        return [part for part in self._parts(database) if part.startswith("INSERT")]

    def new_query(self, database: str) -> list[str]:
        """The statements that change an existing materialised view to the file's query, without missing an insert."""
        _, query = self.target_and_query(database)
        name = f"{database}.{self.name}"
        return [
            f"ALTER TABLE {name} MODIFY QUERY\n{query}",
            f"ALTER TABLE {name} MODIFY COMMENT {_quoted(self.comment)}",
        ]

    def filling(self, database: str) -> str:
        """For a materialised view: an INSERT into its target of what it makes of the rows that exist already."""
        target, query = self.target_and_query(database)
        return f"INSERT INTO {target}\n{query}"

    def target_and_query(self, database: str) -> tuple[str, str]:
        """For a materialised view: the table that it fills, and its query."""
        match = _VIEW_PARTS.search(self._parts(database)[0])
        if match is None:
            raise ValueError(f"{self.name}: expected CREATE MATERIALIZED VIEW … TO … AS and a line's end")
        return match[1], match[2]

    def _parts(self, database: str, prefix: str = "") -> list[str]:
        text = (
            _without_comments(self.sql).replace("{database}.", f"{database}.{prefix}").replace("{database}", database)
        )
        if self.is_replicated:
            text = _ENGINE.sub(lambda engine: _replicating(engine, f"{database}/{prefix}{self.name}"), text)
        return [part.strip() for part in re.split(r";[ \t]*$", text, flags=re.MULTILINE) if part.strip()]


@dataclass(frozen=True)
class SchemaFolder:
    """A whole schema.

    Attributes:
        version: The schema's version, raised by one with every released change.
        files: The objects' files, in the order in which they are applied.
        migrations: The migrations' files by the version that they lead to, in order.
        is_query_node: Whether it is for a server that stores nothing and reads the shards of a cluster.
    """

    version: int
    files: tuple[SchemaFile, ...]
    migrations: tuple[tuple[int, SchemaFile], ...]
    is_query_node: bool = False

    @property
    def is_replicated(self) -> bool:
        """Whether its tables are created with engines that replicate their rows."""
        return any(file.is_replicated for file in self.files)

    def replicated(self) -> "SchemaFolder":
        """The same schema with engines that replicate; its files keep their checksums."""
        return replace(self, files=tuple(replace(file, is_replicated=file.kind is Kind.TABLE) for file in self.files))


def load(folder: Path | None = None) -> SchemaFolder:
    """Reads a schema.

    Args:
        folder: Holds ``VERSION``, ``macros.sql``, a file ``object.sql`` for each object in one of ``FOLDERS`` and, from
            the second version on, ``migrations/NNNN_name.sql``, NNNN being the version they lead to. Default: the
            schema that ships with this package.

    Raises:
        ValueError: A file does not hold exactly the object that it is named after, or uses an unknown macro.
    """
    return _shipped() if folder is None else _read_folder(folder)


def load_query_node(cluster: str, folder: Path | None = None) -> SchemaFolder:
    """Reads the schema of a server that stores nothing: Distributed tables in place of all others, and the views.

    Args:
        cluster: The name of the cluster in that server's ``remote_servers``.
        folder: As for ``load``; its folder ``cluster`` has the tables.

    Raises:
        ValueError: As ``load``; or the cluster's name is not plain.
    """
    if not re.fullmatch(r"[\w.-]+", cluster, re.ASCII):
        raise ValueError(f"cluster {cluster!r}: expected letters, digits, underscores, dots and dashes only")
    stored = load(folder)
    folder = bundled.folder("clickhouse_schema") if folder is None else folder
    macros = read_macros(folder)
    tables = [_read(path, macros, cluster) for path in sorted((folder / "cluster").glob("*.sql"))]
    views = [file for file in stored.files if file.kind is Kind.VIEW]
    return SchemaFolder(stored.version, (*tables, *views), (), is_query_node=True)


def plain_engine(definition: str) -> str:
    """A table's definition, or its engine, with the engine that does not replicate in place of one that does."""
    return _REPLICATED.sub(lambda engine: engine[1] + (f"({engine[2]})" if engine[2] else ""), definition)


@lru_cache(maxsize=1)
def _shipped() -> SchemaFolder:
    return _read_folder(bundled.folder("clickhouse_schema"))


def _read_folder(folder: Path) -> SchemaFolder:
    macros = read_macros(folder)
    return SchemaFolder(
        version=int((folder / "VERSION").read_text()),
        files=_in_order(
            {path.stem: _read(path, macros) for name in FOLDERS for path in sorted((folder / name).glob("*.sql"))}
        ),
        migrations=tuple(
            (
                int(path.name.split("_")[0]),
                SchemaFile(f"migrations/{path.stem}", Kind.MIGRATION, _expanded(path, macros), "migrations"),
            )
            for path in sorted((folder / "migrations").glob("[0-9]*.sql"))
        ),
    )


def _read(path: Path, macros: Mapping[str, Macro], cluster: str = "") -> SchemaFile:
    sql = _expanded(path, macros, cluster)
    created = _OBJECT.findall(sql)
    if [name for _, name in created] != [path.stem]:
        raise ValueError(f"{path.parent.name}/{path.name}: expected one CREATE, of {{database}}.{path.stem}")
    kind = Kind.DISTRIBUTED if cluster else Kind(re.sub(r"\s+", " ", created[0][0]).lower())
    return SchemaFile(path.stem, kind, sql, path.parent.name)


def _expanded(path: Path, macros: Mapping[str, Macro], cluster: str = "") -> str:
    text = path.read_text()
    try:
        return expand(text.replace("{cluster}", cluster) if cluster else text, macros)
    except ValueError as error:
        raise ValueError(f"{path.parent.name}/{path.name}: {error}") from None


def _in_order(files: Mapping[str, SchemaFile]) -> tuple[SchemaFile, ...]:
    """The files in the order of dependencies: each after those that it refers to, otherwise as passed."""
    references = {name: file.references for name, file in files.items()}
    needed = {name: [other for other in files if other in named] for name, named in references.items()}
    return tuple(files[name] for name in TopologicalSorter(needed).static_order())


def _with_settings(query: str) -> str:
    """A view's query with ``_SETTINGS``, so that it does not depend on the profile of the user who reads it."""
    query, _, own = query.rstrip().partition("\nSETTINGS ")
    return f"{query}\nSETTINGS {', '.join(filter(None, (own, *_SETTINGS)))}"


def _replicating(engine: re.Match[str], table: str) -> str:
    """An engine that replicates, for one that does not; {shard} and {replica} are macros of the server."""
    arguments = f", {engine[2]}" if engine[2] else ""
    return f"ENGINE = Replicated{engine[1]}('/clickhouse/tables/{{shard}}/{table}', '{{replica}}'{arguments})"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _without_comments(sql: str) -> str:
    return re.sub(r"--.*$", "", sql, flags=re.MULTILINE)
