"""The page's queries to ClickHouse: they run in threads, a few at a time, for at most a minute each."""

import asyncio
import contextlib
import os
import threading
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any, TypeVar, cast

import anyio.to_thread

from agentsight_otel import semconv
from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import escalation
from agentsight_otel.clickhouse.typed.table import Rows
from agentsight_otel.clickhouse.window import Window, query_parameters
from agentsight_otel.local.page import conversations, overview, transcript
from agentsight_otel.local.page.short_texts import MAX_SHORT_TEXT
from agentsight_otel.local.page.url_parameters import EARLIEST, ListRequest

_CONCURRENT_QUERIES, _CONCURRENT_SEARCHES, _CONCURRENT_EXPORTS = 4, 2, 2
# Each query of an overview gets its share of the processors: some work is repeated in each thread of a query.
_OVERVIEW_THREADS = max(1, (os.cpu_count() or 1) // _CONCURRENT_QUERIES)
_LONGEST_QUERY_S = 60
_CHUNK_BYTES = 256 * 1024
_FORMATS = {"csv": "CSVWithNames", "parquet": "Parquet"}
# Without it, Excel reads a CSV in the computer's code page, and shows accents and other scripts wrongly.
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Texts that a spreadsheet would take for a formula, see OWASP, CSV injection: also with full-width signs, and after
# spaces of all kinds and unprintable characters.
_FORMULA = r"^[\\s\\pZ\\pC]*[=+@\\t\\r\\n\\x00\\x0b＝＋＠－-]"

T = TypeVar("T")


class Database:
    """The queries of the page.

    Args:
        url: The URL of a database with the schema.
        writer_url: The URL with a user who may change the table ``escalation_tools``; None where the page changes
            nothing.
    """

    def __init__(self, url: str, writer_url: str | None = None) -> None:
        self._url = url
        self._writer_url = writer_url
        self._client: Any = None
        self._connecting = threading.Lock()
        self._limiter = anyio.CapacityLimiter(_CONCURRENT_QUERIES)
        # Searches are limited separately, so that they do not delay fast queries.
        self._search_limiter = anyio.CapacityLimiter(_CONCURRENT_SEARCHES)
        self._exports = asyncio.Semaphore(_CONCURRENT_EXPORTS)
        self._cancelling: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """Closes the connections."""
        if self._client is not None:
            self._client.close()

    def overview(self, window: Window) -> AsyncIterator[overview.Part]:
        """The parts of the overview, each as soon as its query is answered; see ``overview.overview``."""

        def ask(sql: str, parameters: dict[str, Any]) -> Awaitable[Rows]:
            return self._rows(sql, parameters, max_threads=_OVERVIEW_THREADS)

        return overview.overview(ask, window)

    async def facets(self, window: Window, wanted: ListRequest) -> dict[str, list[list[Any]]]:
        """For each filter, the values of the window's conversations with their numbers, the most frequent first.

        Args:
            window: The window and its filters.
            wanted: The list that is requested together with them.
        """
        return await overview.facets(partial(self._rows, is_search=bool(wanted.search)), window)

    async def conversation_list(self, window: Window, wanted: ListRequest) -> dict[str, Any]:
        """A page of the list, and the number of all its conversations."""
        selected, parameters = conversations.selection(window, wanted)
        rows, (counted,) = await asyncio.gather(
            self._rows(conversations.page_sql(selected, wanted), parameters, is_search=bool(wanted.search)),
            self._rows(f"SELECT count() AS total FROM {selected}", parameters, is_search=bool(wanted.search)),
        )
        ids = [row["conversation_id"] for row in rows if len(row["conversation_id"]) < MAX_SHORT_TEXT]
        details = (
            await self._rows(conversations.DETAILS_SQL, {"ids": ids}, is_search=bool(wanted.search)) if ids else []
        )
        by_id = {row["conversation_id"]: row for row in details}
        for row in rows:
            del row["conversation_key"]
            row.update(by_id.get(row["conversation_id"], conversations.NO_DETAILS))
        return {"total": counted["total"], "rows": rows}

    async def conversation(self, conversation_id: str, since: datetime) -> dict[str, Any] | None:
        """A conversation with a part of its transcript, and its spans.

        Args:
            conversation_id: The conversation's id.
            since: When the part begins.

        Returns:
            None where no conversation has that id. ``next`` is when the next part begins; None in the last part.
            ``spans`` is None but in the first part.
        """
        parameters = {"id": conversation_id, "since": since}
        facts, messages, tools, feedback, calls, others, *spans = await asyncio.gather(
            *(
                self._rows(sql, parameters)
                for sql in (
                    transcript.CONVERSATION_SQL,
                    transcript.MESSAGES_SQL,
                    transcript.TOOLS_SQL,
                    transcript.FEEDBACK_SQL,
                    transcript.CALLS_SQL,
                    transcript.OTHERS_SQL,
                    *((transcript.SPANS_SQL,) if since <= EARLIEST else ()),
                )
            )
        )
        if not facts:
            return None
        items = [
            *({"type": "message", **row} for row in messages),
            *({"type": "tool", **row} for row in tools),
            *({"type": "feedback", **row} for row in feedback),
            *({"type": "llm", **row} for row in calls),
            *({"type": row["kind"], **row} for row in others),
        ]
        # At equal times, the opening comes first and the end last; otherwise, because sorting is stable, messages come
        # before tools.
        items.sort(key=lambda item: (item["timestamp"], _place(item)))
        items, following = transcript.part_of(items)
        return {**facts[0], "items": items, "next": following, "spans": spans[0] if spans else None}

    async def neighbours(self, conversation_id: str, window: Window, wanted: ListRequest) -> dict[str, str]:
        """The conversations before and after one in a list, by their ids; '' where there is none."""
        selected, parameters = conversations.selection(window, wanted)
        rows = await self._rows(
            conversations.neighbours_sql(selected, wanted),
            {**parameters, "shown_id": conversation_id},
            is_search=bool(wanted.search),
        )
        return {name: str(rows[0][name]) if rows else "" for name in ("previous", "next")}

    async def models(self, window: Window) -> Rows:
        """The models that were called, the most used first."""
        return await self._rows(conversations.MODELS_SQL, query_parameters(window), max_threads=_OVERVIEW_THREADS)

    async def left_out(self, window: Window) -> Rows:
        """What the metrics leave out on purpose, of the spans of the window: robots, values that are no customers."""
        return await self._rows(conversations.LEFT_OUT_SQL, query_parameters(window), is_search=True)

    async def escalation(self) -> dict[str, Any]:
        """The tools that count as a hand-over, those whose names suggest it, and whether the list can be changed."""

        def ask(client: Any, settings: dict[str, Any]) -> dict[str, Any]:
            return {"tools": escalation.listed(client), "suspects": escalation.suspects(client, settings=settings)}

        return {**await self._asked(ask, self._search_limiter), "editable": self._writer_url is not None}

    async def change_escalation(self, tool: str, *, counts: bool) -> None:
        """Adds a tool to those that count as a hand-over, or takes it out.

        Raises:
            PermissionError: The page has no ``writer_url``.
            ValueError: The name is not valid.
        """
        if self._writer_url is None:
            raise PermissionError("this page only reads: change the table escalation_tools in ClickHouse")
        url, change = self._writer_url, escalation.add if counts else escalation.remove

        def write() -> None:
            with clickhouse_client.connect(url, timeout_s=_LONGEST_QUERY_S) as client:
                change(client, tool)

        await anyio.to_thread.run_sync(write, limiter=self._limiter)

    async def revision(self) -> int:
        """A number that changes when spans arrive."""
        return int((await self._rows(conversations.REVISION_SQL, {}))[0]["sum(rows)"])

    async def export(
        self, sql: str, parameters: dict[str, Any], text_columns: Sequence[str], kind: str
    ) -> AsyncIterator[bytes]:
        """The result of a query as a file, in chunks; two at a time, others wait until one is downloaded.

        Args:
            sql: The query.
            parameters: Its parameters.
            text_columns: Its columns of text, in which a CSV must not have what a spreadsheet takes for a formula.
            kind: csv (which begins with a byte order mark, for Excel) or parquet.

        Returns:
            An async iterator of bytes. Where the query fails at once this raises instead.
        """
        if kind == "csv" and text_columns:
            safe = ", ".join(
                f"if(match({name}, '{_FORMULA}'), concat('\\'', {name}), {name}) AS {name}" for name in text_columns
            )
            sql = f"SELECT * REPLACE ({safe}) FROM ({sql})"
        chunks = self._chunks(sql, parameters, _FORMATS[kind])
        first = await anext(chunks, b"")

        async def file() -> AsyncIterator[bytes]:
            yield (_BYTE_ORDER_MARK if kind == "csv" else b"") + first
            async for chunk in chunks:
                yield chunk

        return file()

    async def _chunks(self, sql: str, parameters: dict[str, Any], form: str) -> AsyncIterator[bytes]:
        """The result in chunks; where it is not read to its end, ClickHouse ends the query too."""
        stream: Any = None
        is_reading = is_over = False

        def ask(client: Any, settings: dict[str, Any]) -> bytes:
            nonlocal stream
            if stream is None:
                stream = client.raw_stream(sql, parameters, fmt=form, settings=settings)
            try:
                return bytes(stream.read(_CHUNK_BYTES))
            finally:
                if is_over:
                    stream.close()

        async with self._exports:
            query_id = _new_id()
            try:
                while True:
                    is_reading = True
                    chunk = await self._asked(ask, None, query_id)
                    is_reading = False
                    if not chunk:
                        return
                    yield chunk
            except GeneratorExit:
                self._end(query_id)
                raise
            finally:
                is_over = True
                if stream is not None and not is_reading:
                    stream.close()

    async def _rows(self, sql: str, parameters: dict[str, Any], *, is_search: bool = False, **settings: Any) -> Rows:
        def ask(client: Any, with_id: dict[str, Any]) -> Rows:
            result = client.query(sql, parameters=parameters, settings={**settings, **with_id})
            return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]

        return await self._asked(ask, self._search_limiter if is_search else self._limiter)

    async def _asked(
        self,
        ask: Callable[[Any, dict[str, Any]], T],
        limiter: anyio.CapacityLimiter | None,
        query_id: str | None = None,
    ) -> T:
        """Asks in a thread; where the asking task is cancelled, ClickHouse ends the query too.

        Args:
            ask: Asks by a client, with settings that identify the query.
            limiter: Limits how many ask at a time.
            query_id: The query's id, where the same query is asked for more.
        """
        query_id = query_id or _new_id()
        is_over = False

        def call() -> T | None:
            return None if is_over else ask(self._connected(), {"query_id": query_id})

        try:
            return cast(T, await anyio.to_thread.run_sync(call, limiter=limiter, abandon_on_cancel=True))
        except asyncio.CancelledError:
            is_over = True
            self._end(query_id)
            raise

    def _end(self, query_id: str) -> None:
        cancelling = asyncio.create_task(self._cancel(query_id))
        self._cancelling.add(cancelling)
        cancelling.add_done_callback(self._cancelling.discard)

    async def _cancel(self, query_id: str) -> None:
        def kill() -> None:
            # A query may kill those of its own user.
            self._connected().command("KILL QUERY WHERE query_id = {query_id:String}", {"query_id": query_id})

        with contextlib.suppress(Exception):
            await anyio.to_thread.run_sync(kill)

    def _connected(self) -> Any:
        with self._connecting:
            if self._client is None:
                client = clickhouse_client.connect(self._url, timeout_s=_LONGEST_QUERY_S + 5)
                # Nothing that a page asks for writes; 2 leaves the settings of a query free.
                client.set_client_setting("readonly", 2)
                client.set_client_setting("max_execution_time", _LONGEST_QUERY_S)
                self._client = client
        return self._client


def _new_id() -> str:
    return f"page-{uuid.uuid4()}"


def _place(item: dict[str, Any]) -> int:
    if item["type"] != "conversation":
        return 1
    return 2 if item["span_name"] == semconv.SPAN_CONVERSATION_ENDED else 0


def plain(value: Any) -> Any:
    """What JSON cannot hold: times as ISO 8601 in UTC, days as they are."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    raise TypeError(f"{type(value).__name__} in an answer")
