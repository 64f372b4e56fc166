"""What a database holds already, and which of its objects are foreign.

An object belongs to the schema where ``schema_history`` names it and it is still of the same kind. Any other object
under a name that the schema uses is foreign: it is never replaced or filled, whatever its columns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentsight_otel.clickhouse.schema.errors import SchemaClash
from agentsight_otel.clickhouse.schema.files import Kind, SchemaFile
from agentsight_otel.clickhouse.schema.history import (
    CREATING,
    HISTORY_COLUMNS,
    HISTORY_TABLE,
    QUERY_NODE_HISTORY_TABLE,
    Entry,
)
from agentsight_otel.clickhouse.schema.lock import LOCK_COLUMNS, LOCK_TABLE

_ENGINES = {Kind.VIEW: "View", Kind.MATERIALIZED_VIEW: "MaterializedView", Kind.DISTRIBUTED: "Distributed"}
_OWN_TABLES = {
    HISTORY_TABLE: HISTORY_COLUMNS,
    QUERY_NODE_HISTORY_TABLE: HISTORY_COLUMNS,
    LOCK_TABLE: LOCK_COLUMNS,
}


@dataclass(frozen=True)
class Present:
    """A table or view that a database holds.

    Attributes:
        name: The object's name.
        engine: Its engine: ``MergeTree``, ``View``, …
        comment: Its COMMENT.
        create_query: Its definition.
        rows: The number of its rows; None where ClickHouse does not count them.
        changed_at: When its definition changed last, as ClickHouse prints it.
    """

    name: str
    engine: str
    comment: str
    create_query: str
    rows: int | None
    changed_at: str

    def is_of(self, kind: Kind) -> bool:
        """Whether the object has the engine that the schema gives to this kind."""
        if kind is Kind.TABLE:
            return self.engine.endswith("MergeTree") or self.engine == "Null"
        return self.engine == _ENGINES[kind]

    def __str__(self) -> str:
        what = {"View": "view", "MaterializedView": "materialized view"}.get(self.engine, f"{self.engine} table")
        rows = "" if self.rows is None else f", {self.rows} row(s)"
        owner = self.create_query.partition(" DEFINER = ")[2].partition(" ")[0]
        return (
            f"{what}{rows}, changed {self.changed_at}"
            + (f", of {owner}" if owner else "")
            + (f", says: {self.comment[:80]!r}" if self.comment else "")
        )


def present(client: Any, database: str) -> dict[str, Present]:
    """The tables and views of a database by name, as far as the user may see them."""
    rows = client.query(
        "SELECT name, engine, comment, create_table_query, total_rows, toString(metadata_modification_time)"
        " FROM system.tables WHERE database = {database:String}",
        parameters={"database": database},
    ).result_rows
    return {row[0]: Present(*row) for row in rows}


def is_ours(file: SchemaFile, existing: Present, entry: Entry | None, *, of_query_node: bool = False) -> bool:
    """Whether an object under a file's name is the one that the schema made.

    Args:
        file: The schema's file.
        existing: What is there under its name.
        entry: What the database's history says about that name; None for nothing.
        of_query_node: Whether it is on a query node, where the script that ``schema sql`` prints leaves no history.
    """
    if not existing.is_of(file.kind):
        return False
    if entry is None:
        return of_query_node and existing.comment == file.comment
    # The entry CREATING is written before the object is created, so somebody else may have created it in between.
    return entry.value != CREATING or existing.comment == file.comment


def clashes(
    client: Any,
    database: str,
    files: Sequence[SchemaFile],
    entries: Mapping[str, Entry],
    existing: Mapping[str, Present],
    *,
    of_query_node: bool = False,
) -> dict[str, str]:
    """Foreign objects under names that the schema uses: a description of each, by name."""
    foreign = {
        file.name: str(existing[file.name])
        for file in files
        if file.name in existing
        and not is_ours(file, existing[file.name], entries.get(file.name), of_query_node=of_query_node)
    }
    for name, columns in _OWN_TABLES.items():
        if name in existing and _columns(client, database, name) != columns:
            foreign[name] = str(existing[name])
    return foreign


def refuse_clashes(database: str, foreign: Mapping[str, str]) -> None:
    """Raises, before anything is changed, where there are foreign objects.

    Raises:
        SchemaClash: There are foreign objects; the message lists them.
    """
    if foreign:
        width = max(map(len, foreign))
        listed = "\n".join(f"  {name:{width}}  {what}" for name, what in sorted(foreign.items()))
        raise SchemaClash(
            f"database {database!r} holds {len(foreign)} object(s) that are not of this schema, under names that it"
            f" needs:\n{listed}\nNothing was changed. Apply the schema to a database of its own (any other name in the"
            " URL), or rename them"
        )


def _columns(client: Any, database: str, table: str) -> tuple[str, ...]:
    return tuple(
        row[0]
        for row in client.query(
            "SELECT name FROM system.columns WHERE database = {database:String} AND table = {table:String}"
            " ORDER BY position",
            parameters={"database": database, "table": table},
        ).result_rows
    )
