"""Clients for notebooks and services: one method a view, in two kinds that differ by ``await``."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Any, TypeVar

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.clickhouse.typed.questions import Question
from agentsight_otel.clickhouse.typed.table import Table
from agentsight_otel.clickhouse.typed.views import AsyncViews, SyncViews

T = TypeVar("T")


class Metrics(SyncViews):
    """The 15 metrics, the use of models, and the conversations, messages and tool calls behind them. Thread-safe.

        with Metrics("http://reader:secret@clickhouse:8123/agentsight") as metrics:
            print(metrics.device_usage(window).to_pandas())
            for message in metrics.messages(Selection(customers=("u7",))):
                print(message.content)

    Args:
        url: ``http://user:password@host:port/database``.

    Raises:
        SchemaNotApplied, SchemaNewer: The database does not have this version's views.
        ClickHouseConnectionError: ClickHouse cannot be reached, or refuses the login.
    """

    def __init__(self, url: str) -> None:
        schema.check(url)
        self._client = clickhouse_client.connect(url)

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()

    def __enter__(self) -> "Metrics":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def ask(self, question: Question[T]) -> Table[T]:
        """Runs a query, and returns its rows as a table."""
        return Table(question.kind, self._client.query(question.sql, parameters=question.parameters).result_rows)

    def stream(self, question: Question[T]) -> Iterator[T]:
        """Runs a query, and returns its rows one by one."""
        with self._client.query_row_block_stream(question.sql, parameters=question.parameters) as blocks:
            for block in blocks:
                yield from map(question.row, block)


class AsyncMetrics(AsyncViews):
    """The methods of ``Metrics`` for asyncio: they are awaited, or iterated over by ``async for``.

        async with AsyncMetrics(url) as metrics:
            for row in await metrics.device_usage(window):
                print(row.device, row.conversations)

    Args:
        url: ``http://user:password@host:port/database``.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._client: Any = None

    async def close(self) -> None:
        """Closes the connection."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def __aenter__(self) -> "AsyncMetrics":
        await self._connected()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _connected(self) -> Any:
        if self._client is None:
            client = await clickhouse_client.connect_async(self._url)
            try:
                await asyncio.to_thread(schema.check, self._url)
            except BaseException:
                await client.close()
                raise
            self._client = client
        return self._client

    async def ask(self, question: Question[T]) -> Table[T]:
        """Runs a query, and returns its rows as a table."""
        client = await self._connected()
        answer = await client.query(question.sql, parameters=question.parameters)
        return Table(question.kind, answer.result_rows)

    async def stream(self, question: Question[T]) -> AsyncIterator[T]:
        """Runs a query, and returns its rows one by one."""
        client = await self._connected()
        async with await client.query_row_block_stream(question.sql, parameters=question.parameters) as blocks:
            async for block in blocks:
                for values in block:
                    yield question.row(values)
