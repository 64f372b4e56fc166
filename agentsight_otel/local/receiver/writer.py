"""Group commit: the spans of requests that come while an insert runs go into ClickHouse together with the next."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from agentsight_otel.export_errors import PermanentExportError
from agentsight_otel.exporters.otlp import request_to_rows

MAX_REQUEST_BYTES = 64 * 1024 * 1024
"""Of one request, unpacked."""

_MAX_PENDING_BYTES = 256 * 1024 * 1024
_MAX_ROWS_PER_INSERT = 20_000

Row = list[Any]


class Unavailable(Exception):
    """Not stored now; the sender may try again."""


class Refused(Exception):
    """ClickHouse refuses the data, and would again."""


@dataclass
class _Pending:
    rows: list[Row]
    stored: "asyncio.Future[None]"


class Writer:
    """Stores requests, each acknowledged only after its insert.

    One insert runs at a time, so that ClickHouse gets few and big ones however small the requests are. What waits is
    bounded in bytes.

    Args:
        insert: Stores rows, and blocks while it does; raises ``PermanentExportError`` where the data is at fault.
    """

    def __init__(self, insert: Callable[[Sequence[Row]], None]) -> None:
        self._insert = insert
        self._waiting: deque[_Pending] = deque()
        self._pending_bytes = 0
        self._arrived = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="agentsight-writer")

    @property
    def waiting(self) -> int:
        """Requests that wait for the running insert to end."""
        return len(self._waiting)

    async def store(self, body: bytes, parse: Callable[[bytes], Any]) -> list[str]:
        """Stores a request.

        Args:
            body: As it came, unpacked.
            parse: ``parse_protobuf`` or ``parse_json``.

        Returns:
            Why spans were left out, a reason each; usually none.

        Raises:
            MalformedRequest: It is no request.
            Unavailable: Too much waits already, or ClickHouse cannot store it now.
            Refused: ClickHouse refuses the data.
        """
        if self._pending_bytes + len(body) > _MAX_PENDING_BYTES:
            raise Unavailable("too many requests wait for ClickHouse")
        self._pending_bytes += len(body)
        try:
            # In a thread, so that a big request does not hold up the others.
            rows, rejections = await asyncio.to_thread(lambda: request_to_rows(parse(body)))
            if rows:
                pending = _Pending(rows, asyncio.get_running_loop().create_future())
                self._waiting.append(pending)
                self._arrived.set()
                await pending.stored
            return rejections
        finally:
            self._pending_bytes -= len(body)

    async def close(self) -> None:
        """Lets the running insert end; what still waits is told to come again."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        batch: list[_Pending] = []
        try:
            while True:
                await self._arrived.wait()
                self._arrived.clear()
                while self._waiting:
                    batch = self._next_batch()
                    await asyncio.shield(asyncio.create_task(self._store(batch)))
        finally:
            for pending in (*batch, *self._waiting):
                if not pending.stored.done():
                    pending.stored.set_exception(Unavailable("shutting down"))

    def _next_batch(self) -> list[_Pending]:
        batch = [self._waiting.popleft()]
        rows = len(batch[0].rows)
        while self._waiting and rows + len(self._waiting[0].rows) <= _MAX_ROWS_PER_INSERT:
            batch.append(self._waiting.popleft())
            rows += len(batch[-1].rows)
        return batch

    async def _store(self, batch: list[_Pending]) -> None:
        try:
            await asyncio.to_thread(self._insert, [row for pending in batch for row in pending.rows])
        except PermanentExportError as error:
            if len(batch) == 1:
                _fail(batch[0], Refused(str(error)))
            else:  # one request's fault is not the others'
                for pending in batch:
                    await self._store([pending])
        except Exception as error:
            for pending in batch:
                _fail(pending, Unavailable(f"{error}"[:300]))
        else:
            for pending in batch:
                if not pending.stored.done():
                    pending.stored.set_result(None)


def _fail(pending: _Pending, error: Exception) -> None:
    if not pending.stored.done():
        pending.stored.set_exception(error)
