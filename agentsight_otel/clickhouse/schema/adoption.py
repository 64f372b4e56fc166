"""Takes over an ``otel_traces`` that the OpenTelemetry Collector made itself (``create_schema: true``).

The table keeps its order, partitions, TTL and rows, and writers continue meanwhile. The columns that the views need are
added; most of them take no space.
"""

from collections.abc import Iterator
from typing import Any

from agentsight_otel.clickhouse.schema.files import SchemaFile
from agentsight_otel.clickhouse.schema.presence import Present

SPANS = "otel_traces"

_NEEDED = {
    "Timestamp": ("DateTime64(9",),
    "TraceId": ("String",),
    "SpanId": ("String",),
    "SpanName": ("LowCardinality(String)", "String"),
    "ServiceName": ("LowCardinality(String)", "String"),
    "ResourceAttributes": ("Map(LowCardinality(String), String)", "Map(String, String)"),
    "SpanAttributes": ("Map(LowCardinality(String), String)", "Map(String, String)"),
    "Duration": ("UInt64", "Int64"),
    "StatusCode": ("LowCardinality(String)", "String"),
    "Events.Timestamp": ("Array(DateTime64(9",),
    "Events.Name": ("Array(LowCardinality(String))", "Array(String)"),
    "Events.Attributes": ("Array(Map(LowCardinality(String), String))", "Array(Map(String, String))"),
}
"""The columns that a writer fills and the views read, with the beginnings of the types that they may have."""


def unfit(client: Any, database: str, table: Present, file: SchemaFile) -> list[str]:
    """The reasons why the table cannot be taken over; empty where it can.

    Args:
        client: A clickhouse-connect client.
        database: The plain name of the table's database.
        table: The table that exists under the name ``otel_traces``.
        file: The schema's file of ``otel_traces``.
    """
    if not table.engine.endswith("MergeTree"):
        return [f"a {table.engine} table cannot be read back by partition"]
    return list(_unfit_columns(_columns(client, database), file))


def adopting(client: Any, database: str, file: SchemaFile) -> list[str]:
    """The statements that add the missing columns and indexes to the table; safe to repeat."""
    have = _columns(client, database)
    definitions = file.column_definitions(database)
    added = [f"ADD COLUMN IF NOT EXISTS {text}" for name, text in definitions.items() if name not in have]
    # The table is not sorted by conversation: transcripts find their spans by this index.
    added.append("ADD INDEX IF NOT EXISTS conversation_id ConversationId TYPE bloom_filter(0.001) GRANULARITY 1")
    return [f"ALTER TABLE {database}.{SPANS}\n    " + ",\n    ".join(added)]


def way_out(database: str) -> str:
    """A sentence for people: what to do where the table cannot be taken over."""
    return (
        f"To keep its spans: RENAME TABLE {database}.{SPANS} TO {database}.{SPANS}_before; run schema apply again; then"
        f" INSERT INTO {database}.{SPANS} (columns) SELECT columns FROM {database}.{SPANS}_before, by month. Or apply"
        " the schema to a database of its own, and let the collector write there (create_schema: false)"
    )


def _unfit_columns(have: dict[str, tuple[str, str]], file: SchemaFile) -> Iterator[str]:
    for name, beginnings in _NEEDED.items():
        if name not in have:
            yield f"it has no column {name}"
        elif not have[name][0].startswith(beginnings):
            yield f"its column {name} is {have[name][0]}, expected {beginnings[0]}"
    for name, text in file.column_definitions("").items():
        derived = " ALIAS " in text or " MATERIALIZED " in text
        if derived and name in have and have[name][1] not in ("ALIAS", "MATERIALIZED"):
            yield f"it has a column {name} of its own"


def _columns(client: Any, database: str) -> dict[str, tuple[str, str]]:
    rows = client.query(
        "SELECT name, type, default_kind FROM system.columns"
        " WHERE database = {database:String} AND table = {table:String}",
        parameters={"database": database, "table": SPANS},
    ).result_rows
    return {name: (kind, default) for name, kind, default in rows}
