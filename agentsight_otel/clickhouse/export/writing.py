"""Writes the selected conversations batch by batch, so that at most some thousand are in memory."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.clickhouse.export import belonging
from agentsight_otel.clickhouse.export.documents import COLUMNS, NESTED, documents
from agentsight_otel.clickhouse.export.selection import Selection, instant

FORMATS = ("jsonl", "csv", "parquet")
"""The formats that can be written."""

_SPAN_COLUMNS = (
    *("Timestamp", "TraceId", "SpanId", "ParentSpanId", "TraceState", "SpanName", "SpanKind", "ServiceName"),
    *("ResourceAttributes", "ScopeName", "ScopeVersion", "SpanAttributes", "Duration", "StatusCode", "StatusMessage"),
    *("Events.Timestamp", "Events.Name", "Events.Attributes"),
    *("Links.TraceId", "Links.SpanId", "Links.TraceState", "Links.Attributes"),
)
_ROWS = {
    "messages": (
        "SELECT conversation_id, timestamp, sender, content, metadata, trace_id, span_id, event_index, service"
        " FROM messages_v WHERE conversation_id IN {ids:Array(String)}",
        "timestamp",
        "conversation_id, timestamp, sender = 'agent', event_index",
        "",
    ),
    "tool_calls": (
        "SELECT conversation_id, timestamp, tool, duration_s, error, error_type, call_id, arguments, result, trace_id,"
        " span_id, service FROM tool_calls_v WHERE conversation_id IN {ids:Array(String)}",
        "timestamp",
        "conversation_id, timestamp",
        "",
    ),
    "spans": (
        f"SELECT {', '.join(f'`{name}`' for name in _SPAN_COLUMNS)} FROM otel_traces WHERE {belonging.SPANS}",
        "Timestamp",
        "ConversationId, Timestamp",
        " LIMIT 1 BY TraceId, SpanId, if(HasSpanId, 0, sipHash64(Timestamp, SpanName, SpanAttributes))",
    ),
}
KINDS = ("conversations", *_ROWS)
"""What can be exported: whole conversations, or the rows of one kind."""

_NAMES_IN_CLICKHOUSE = {"jsonl": "JSONEachRow", "csv": "CSV"}
_CHUNK_BYTES = 1_048_576


def write(url: str, kind: str, selection: Selection, form: str, file: BinaryIO) -> int:
    """Writes whole conversations, or their messages, tool calls or spans as rows.

    Args:
        url: The URL of a database with the schema.
        kind: One of ``KINDS``.
        selection: Which conversations; where rows are written, its window applies to the rows' own times.
        form: One of ``FORMATS``.
        file: The file to write to, open for bytes.

    Returns:
        The number of conversations that were read.

    Raises:
        ValueError: There is no such kind or format, or pyarrow is missing, which parquet needs.
        SchemaNotApplied, SchemaNewer: The database does not have this version's schema.
        ClickHouseConnectionError: ClickHouse cannot be reached, or refuses the login.
    """
    if kind not in KINDS:
        raise ValueError(f"{kind!r}: expected one of {', '.join(KINDS)}")
    if form not in FORMATS:
        raise ValueError(f"format {form!r}: expected one of {', '.join(FORMATS)}")
    schema.check(url)
    number = 0
    with clickhouse_client.connect(url) as asking, clickhouse_client.connect(url) as listing:
        # All times as ISO 8601, which states the time zone for whatever program reads the file.
        asking.set_client_setting("date_time_output_format", "iso")
        sink = _sink(form, file, COLUMNS if kind == "conversations" else None)
        spans = kind == "spans"
        for ids in selection.batches(listing, by_time=kind == "conversations", uncounted=spans):
            number += len(ids)
            if kind == "conversations":
                sink.documents(documents(asking, ids))
            else:
                sink.rows(asking, *_rows(kind, selection, ids))
        if spans and selection.is_of_customers:
            sql, parameters = _rows(kind, selection, ())
            sink.rows(asking, sql.replace(belonging.SPANS, belonging.SPANS_OUTSIDE), parameters)
        sink.close()
    return number


def _rows(kind: str, selection: Selection, ids: Sequence[str]) -> tuple[str, dict[str, Any]]:
    sql, time_column, order, limit = _ROWS[kind]
    parameters: dict[str, Any] = {"ids": list(ids), "customers": list(selection.customers)}
    for sign, name, moment in ((">=", "start", selection.start), ("<", "end", selection.end)):
        if moment is not None:
            sql += f" AND {time_column} {sign} {{{name}:DateTime64(3, 'UTC')}}"
            parameters[name] = instant(moment)
    return f"{sql} ORDER BY {order}{limit}", parameters


class _Sink:
    """Writes conversations or rows to a file in one format."""

    def documents(self, conversations: Iterable[dict[str, Any]]) -> None:
        """Writes conversations."""
        raise NotImplementedError

    def rows(self, client: Any, sql: str, parameters: dict[str, Any]) -> None:
        """Writes the rows of a query."""
        raise NotImplementedError

    def close(self) -> None:
        """Writes what is still buffered."""


def _sink(form: str, file: BinaryIO, columns: Sequence[str] | None) -> _Sink:
    return _Parquet(file) if form == "parquet" else _Lines(form, file, columns)


class _Lines(_Sink):
    def __init__(self, form: str, file: BinaryIO, columns: Sequence[str] | None) -> None:
        self._form = form
        self._file = file
        self._headed = form != "csv"
        if form == "csv" and columns is not None:
            self._write_csv([columns])
            self._headed = True

    def documents(self, conversations: Iterable[dict[str, Any]]) -> None:
        if self._form == "csv":
            self._write_csv([list(flat(conversation).values()) for conversation in conversations])
            return
        for conversation in conversations:
            self._file.write(json.dumps(conversation, ensure_ascii=False).encode("utf-8", "replace") + b"\n")

    def rows(self, client: Any, sql: str, parameters: dict[str, Any]) -> None:
        form = _NAMES_IN_CLICKHOUSE[self._form] + ("" if self._headed else "WithNames")
        self._headed = True
        with client.raw_stream(sql, parameters=parameters, fmt=form) as chunks:
            for chunk in _chunks(chunks):
                self._file.write(chunk)

    def _write_csv(self, rows: Iterable[Sequence[Any]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(map(csv_cells, rows))
        self._file.write(text.getvalue().encode("utf-8", "replace"))


def csv_cells(row: Iterable[Any]) -> list[Any]:
    """A row without NUL characters, which spreadsheets do not show, and Python 3.10 does not write."""
    return [cell.replace("\0", "") if isinstance(cell, str) else cell for cell in row]


def _chunks(stream: Any) -> Iterator[bytes]:
    while chunk := stream.read(_CHUNK_BYTES):
        yield chunk


class _Parquet(_Sink):
    def __init__(self, file: BinaryIO) -> None:
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError:
            raise ValueError("parquet needs pyarrow; run: pip install 'agentsight-otel[dataframes]'") from None
        self._arrow, self._parquet = pyarrow, parquet
        self._file = file
        self._writer: Any = None

    def documents(self, conversations: Iterable[dict[str, Any]]) -> None:
        rows = [flat(conversation) for conversation in conversations]
        types = {
            name: self._arrow.bool_() if name in ("marked", "deleted") else self._arrow.string() for name in COLUMNS
        }
        self._write(self._arrow.Table.from_pylist(rows, self._arrow.schema(list(types.items()))))

    def rows(self, client: Any, sql: str, parameters: dict[str, Any]) -> None:
        self._write(client.query_arrow(sql, parameters=parameters, use_strings=True))

    def _write(self, table: Any) -> None:
        if self._writer is None:
            self._writer = self._parquet.ParquetWriter(self._file, table.schema, compression="zstd")
        self._writer.write_table(table)

    def close(self) -> None:
        if self._writer is None:  # nothing was selected: an empty file must be valid too
            self._write(self._arrow.table({}))
        self._writer.close()


def flat(document: dict[str, Any]) -> dict[str, Any]:
    """A document with its nested values as JSON, in the order of ``COLUMNS``."""
    return {
        name: json.dumps(document[name], ensure_ascii=False)
        if name in NESTED and document[name]
        else (None if name in NESTED else document[name])
        for name in COLUMNS
    }
