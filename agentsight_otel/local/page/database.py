"""Asks ClickHouse for the page: in threads, a few queries at a time, none for longer than a minute."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import date, datetime
from typing import Any, TypeVar

import anyio.to_thread

from agentsight_otel import clickhouse_client
from agentsight_otel.local.page import conversations, overview
from agentsight_otel.local.page.asked import ListAsked
from agentsight_otel.metrics import Rows, Window

_CONCURRENT_QUERIES = 4
# Each query of an overview has its share of the processors: what queries do twice, once a thread, is then done once.
_OVERVIEW_THREADS = max(1, (os.cpu_count() or 1) // _CONCURRENT_QUERIES)
_LONGEST_QUERY_S = 60
_CHUNK_BYTES = 256 * 1024
_FORMATS = {"csv": "CSVWithNames", "parquet": "Parquet"}
# What a spreadsheet would take for a formula, also behind white space; see OWASP, CSV injection.
_FORMULA = r"^[\\s]*[=+@\\t\\r\\n-]"

T = TypeVar("T")


class Database:
    """The queries of the page.

    Args:
        url: Of a database with the schema.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._client: Any = None
        self._connecting = threading.Lock()
        self._limiter = anyio.CapacityLimiter(_CONCURRENT_QUERIES)

    def close(self) -> None:
        """Closes the connections."""
        if self._client is not None:
            self._client.close()

    def overview(self, window: Window) -> AsyncIterator[overview.Part]:
        """The metrics as they are answered; see ``overview.overview``."""

        def ask(sql: str, parameters: dict[str, Any]) -> Awaitable[Rows]:
            return self._rows(sql, parameters, max_threads=_OVERVIEW_THREADS)

        return overview.overview(ask, window)

    async def facets(self, window: Window) -> dict[str, list[list[Any]]]:
        """By filter, the values that conversations of the window have, the most frequent first, with their numbers."""
        return await overview.facets(self._rows, window)

    async def conversation_list(self, window: Window, asked: ListAsked) -> dict[str, Any]:
        """A page of the list, and how many there are."""
        selected, parameters = conversations.selection(window, asked)
        rows, (counted,) = await asyncio.gather(
            self._rows(conversations.page_sql(selected, asked), parameters),
            self._rows(f"SELECT count() AS total FROM {selected}", parameters),
        )
        ids = [row["conversation_id"] for row in rows]
        details = await self._rows(conversations.DETAILS_SQL, {"ids": ids}) if ids else []
        by_id = {row["conversation_id"]: row for row in details}
        for row in rows:
            del row["conversation_key"]
            row.update(by_id[row["conversation_id"]])
        return {"total": counted["total"], "rows": rows}

    async def conversation(self, conversation_id: str) -> dict[str, Any] | None:
        """One conversation with all that happened in it; None where there is none of that id."""
        parameters = {"id": conversation_id}
        found, messages, tools, feedback, others = await asyncio.gather(
            *(
                self._rows(sql, parameters)
                for sql in (
                    conversations.CONVERSATION_SQL,
                    conversations.MESSAGES_SQL,
                    conversations.TOOLS_SQL,
                    conversations.FEEDBACK_SQL,
                    conversations.OTHERS_SQL,
                )
            )
        )
        if not found:
            return None
        items = [
            *({"type": "message", **row} for row in messages),
            *({"type": "tool", **row} for row in tools),
            *({"type": "feedback", **row} for row in feedback),
            *({"type": row["kind"], **row} for row in others),
        ]
        # At equal times what opens a conversation comes first; else, as sorting is stable, messages before tools.
        items.sort(key=lambda item: (item["timestamp"], item["type"] != "conversation"))
        return {**found[0], "items": items}

    async def revision(self) -> int:
        """Changes when spans arrive."""
        return int((await self._rows(conversations.REVISION_SQL, {}))[0]["sum(rows)"])

    async def export(self, sql: str, parameters: dict[str, Any], text_columns: Sequence[str], kind: str) -> Any:
        """What a query gives as a file, in chunks.

        Args:
            sql: The query.
            parameters: Its parameters.
            text_columns: Its columns of text, in which a CSV must not have what a spreadsheet takes for a formula.
            kind: csv or parquet.

        Returns:
            An async iterator of bytes. Where the query fails at once this raises instead.
        """
        if kind == "csv" and text_columns:
            safe = ", ".join(
                f"if(match({name}, '{_FORMULA}'), concat('\\'', {name}), {name}) AS {name}" for name in text_columns
            )
            sql = f"SELECT * REPLACE ({safe}) FROM ({sql})"
        stream = await self._call(lambda client: client.raw_stream(sql, parameters, fmt=_FORMATS[kind]))
        first = await anyio.to_thread.run_sync(stream.read, _CHUNK_BYTES)

        async def chunks() -> AsyncIterator[bytes]:
            chunk = first
            try:
                while chunk:
                    yield chunk
                    chunk = await anyio.to_thread.run_sync(stream.read, _CHUNK_BYTES)
            finally:
                stream.close()

        return chunks()

    async def _rows(self, sql: str, parameters: dict[str, Any], **settings: Any) -> Rows:
        def ask(client: Any) -> Rows:
            result = client.query(sql, parameters=parameters, settings=settings)
            return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]

        return await self._call(ask)

    async def _call(self, ask: Callable[[Any], T]) -> T:
        return await anyio.to_thread.run_sync(lambda: ask(self._connected()), limiter=self._limiter)

    def _connected(self) -> Any:
        with self._connecting:
            if self._client is None:
                client = clickhouse_client.connect(self._url, timeout_s=_LONGEST_QUERY_S + 5)
                # Nothing that a page asks for writes; 2 leaves the settings of a query free.
                client.set_client_setting("readonly", 2)
                client.set_client_setting("max_execution_time", _LONGEST_QUERY_S)
                self._client = client
        return self._client


def plain(value: Any) -> Any:
    """What JSON cannot hold: times as ISO 8601 in UTC, days as they are."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    raise TypeError(f"{type(value).__name__} in an answer")
