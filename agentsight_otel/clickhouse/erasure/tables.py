"""Finds the tables that hold data of conversations, and the condition for its rows, from the database's own columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

KEPT = ("erasures", "excluded_conversations", "schema_history")
"""Tables that are left alone: those that erasure writes, and the schema's own, which hold no data of persons."""

_KEYS = ("conversation_key",)
_IDS = ("ConversationId", "conversation_id")
_CUSTOMERS = ("CustomerId", "customer_id", "customer")
_TRACES = ("TraceId", "trace_id")


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: The column's name.
        type: Its ClickHouse type.
        is_stored: Whether its values are stored, rather than computed when they are read.
    """

    name: str
    type: str
    is_stored: bool


@dataclass(frozen=True)
class Table:
    """A table that stores rows.

    Attributes:
        name: The table's name.
        engine: Its ClickHouse engine.
        columns: Its columns.
    """

    name: str
    engine: str
    columns: tuple[Column, ...]

    @property
    def is_distributed(self) -> bool:
        """Whether the table's rows are stored on other servers."""
        return self.engine == "Distributed"

    def condition(self) -> str:
        """An SQL condition for the rows to erase; '' where the table can hold none.

        It uses keys and hashes but no ids, because ClickHouse keeps the text of deletes in its logs. It refers to the
        query parameters ``traces``, an array of trace ids, and ``keys``, ``trace_keys`` and ``customers``, arrays of
        sipHash64.
        """
        names = {column.name for column in self.columns}
        key = next((f"`{name}`" for name in _KEYS if name in names), "")
        conversation = next((f"`{name}`" for name in _IDS if name in names), "")
        trace = next((f"`{name}`" for name in _TRACES if name in names), "")
        customer = next((f"`{name}`" for name in _CUSTOMERS if name in names), "")
        conversation_key = key or (f"sipHash64({conversation})" if conversation else "")
        trace_key = "`trace_key` IN {trace_keys:Array(UInt64)}" if "trace_key" in names else ""
        if conversation_key:
            conditions = [f"{conversation_key} IN {{keys:Array(UInt64)}}"]
            if conversation and not key:  # spans that name no conversation themselves
                nameless = f"{conversation} = ''"
                conditions += [f"{nameless} AND {trace} IN {{traces:Array(String)}}"] if trace else []
                conditions += (
                    [f"{nameless} AND sipHash64({customer}) IN {{customers:Array(UInt64)}}"] if customer else []
                )
            if key and trace_key:
                conditions.append(f"{key} = 0 AND {trace_key}")
            return " OR ".join(f"({condition})" for condition in conditions)
        if trace_key:
            return trace_key
        if trace:
            return f"{trace} IN {{traces:Array(String)}}"
        return f"sipHash64({customer}) IN {{customers:Array(UInt64)}}" if customer else ""


def tables(client: Any) -> list[Table]:
    """The tables of the database that hold rows, without those of ``KEPT``.

    Args:
        client: A clickhouse-connect client in the database.
    """
    rows = client.query(
        "SELECT tables.name, tables.engine, columns.name, columns.type,"
        " columns.default_kind NOT IN ('ALIAS', 'EPHEMERAL')"
        " FROM system.columns AS columns INNER JOIN system.tables AS tables"
        " ON columns.database = tables.database AND columns.table = tables.name"
        " WHERE tables.database = currentDatabase()"
        " AND (tables.engine LIKE '%MergeTree' OR tables.engine = 'Distributed')"
        " AND tables.name NOT IN {kept:Array(String)} ORDER BY tables.name, columns.position",
        parameters={"kept": list(KEPT)},
    ).result_rows
    rows_by_table: dict[str, list[Sequence[Any]]] = {}
    for row in rows:
        rows_by_table.setdefault(row[0], []).append(row)
    return [
        Table(name, each[0][1], tuple(Column(row[2], row[3], bool(row[4])) for row in each))
        for name, each in rows_by_table.items()
    ]
