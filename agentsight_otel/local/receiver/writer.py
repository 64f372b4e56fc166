"""Group commit: the spans of requests that arrive during an insert are stored together by the next insert."""

import asyncio
import traceback
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from agentsight_otel._export.errors import PermanentExportError
from agentsight_otel.local.receiver.errors import Refused, TooLarge, Unavailable
from agentsight_otel.local.receiver.limits import (
    MAX_BATCH_BYTES,
    MAX_BATCH_ROWS,
    MAX_LARGE_WAITING,
    MAX_REQUEST_BYTES,
    MAX_WAITING_ROWS_BYTES,
    SMALL_BYTES,
)
from agentsight_otel.local.receiver.memory import give_back_memory
from agentsight_otel.local.receiver.otlp_rows import Batch, Rejections, batches
from agentsight_otel.local.receiver.sent_spans import Parse
from agentsight_otel.local.receiver.unpacking import Unpack

Row = list[Any]
IsGone = Callable[[], Awaitable[bool]]
_SMALL_AT_ONCE = 2
_CLOSING_S = 15.0
_SHUTTING_DOWN = "shutting down"


@dataclass
class _Pending:
    batch: Batch
    stored: "asyncio.Future[None]"


class Writer:
    """Stores requests; each is acknowledged only after its inserts.

    One insert runs at a time, so that ClickHouse gets few and large inserts, however small the requests are. A large
    request is read and inserted in parts, one large request at a time; small ones need not wait for it. The number of
    waiting requests is bounded.

    Args:
        insert: Stores rows, and blocks while it does; raises ``PermanentExportError`` where the data is at fault.
    """

    def __init__(self, insert: Callable[[Sequence[Row]], None]) -> None:
        self._insert = insert
        self._waiting: deque[_Pending] = deque()
        self._waiting_bytes = 0
        self._room = asyncio.Condition()
        self._small = asyncio.Semaphore(_SMALL_AT_ONCE)
        self._large = asyncio.Semaphore(1)
        self._large_waiting = 0
        self._arrived = asyncio.Event()
        self._is_closing = False
        # A pool of its own, so that other work in threads does not delay requests.
        self._threads = ThreadPoolExecutor(_SMALL_AT_ONCE + 2, thread_name_prefix="agentsight-receiver")
        self._task = asyncio.get_running_loop().create_task(self._run(), name="agentsight-writer")

    @property
    def waiting(self) -> int:
        """The number of batches that wait for the running insert to end."""
        return len(self._waiting)

    async def store(
        self, body: bytes | bytearray, unpack: Unpack, parse: Parse, is_gone: IsGone | None = None
    ) -> Rejections:
        """Stores a request.

        Args:
            body: The body as sent.
            unpack: The function that unpacks its encoding.
            parse: The function that parses its format.
            is_gone: Returns whether the sender no longer waits; a large request is then not begun.

        Returns:
            The spans that were left out, by reason; usually none.

        Raises:
            MalformedRequest: The body is no valid request.
            TooLarge: The request is larger than allowed.
            Unavailable: Too many requests wait already, or ClickHouse cannot store this one now.
            Refused: ClickHouse refuses the data.
        """
        rejections = Rejections()
        async with self._small:
            begun = await self._in_thread(lambda: _if_small(body, unpack, parse, rejections))
        if begun is not None:
            await self._store_all(*begun)
            return rejections
        if self._large_waiting >= MAX_LARGE_WAITING:
            raise Unavailable("too many large requests wait")
        self._large_waiting += 1
        try:
            async with self._large:
                if is_gone is not None and await is_gone():
                    raise Unavailable("the sender has gone")
                begun = await self._in_thread(lambda: _begin(unpack(body, MAX_REQUEST_BYTES), parse, rejections))
                await self._store_all(*begun)
                del begun
                await self._in_thread(give_back_memory)
        finally:
            self._large_waiting -= 1
        return rejections

    async def _store_all(self, batch: Batch | None, rest: Iterator[Batch]) -> None:
        while batch is not None:
            await self._store_batch(batch)
            if batch.is_last:
                break
            batch = None  # frees its memory before the next batch is made
            batch = await self._in_thread(partial(next, rest, None))

    async def _store_batch(self, batch: Batch) -> None:
        async with self._room:
            await self._room.wait_for(
                lambda: (
                    self._is_closing or not self._waiting or self._waiting_bytes + batch.size <= MAX_WAITING_ROWS_BYTES
                )
            )
            if self._is_closing:
                raise Unavailable(_SHUTTING_DOWN)
            pending = _Pending(batch, asyncio.get_running_loop().create_future())
            self._waiting.append(pending)
            self._waiting_bytes += batch.size
        self._arrived.set()
        await pending.stored

    def _has_room_for(self, size: int) -> bool:
        return not self._waiting or self._waiting_bytes + size <= MAX_WAITING_ROWS_BYTES

    async def _in_thread(self, call: Callable[[], Any]) -> Any:
        if self._is_closing:
            raise Unavailable(_SHUTTING_DOWN)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except Exception as error:
            # The error's frames would keep the unpacked body in memory for as long as the error exists.
            traceback.clear_frames(error.__traceback__)
            raise

    async def close(self) -> None:
        """Lets the running insert end, and answers its senders; senders that still wait are told to try again."""
        self._is_closing = True
        self._arrived.set()
        async with self._room:
            self._room.notify_all()
        await asyncio.wait({self._task}, timeout=_CLOSING_S)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._threads.shutdown(wait=False)

    async def _run(self) -> None:
        batch: list[_Pending] = []
        try:
            while not self._is_closing:
                await self._arrived.wait()
                self._arrived.clear()
                while self._waiting and not self._is_closing:
                    batch = self._next_batch()
                    async with self._room:
                        self._room.notify_all()
                    await self._store(batch)
                    batch = []
        finally:
            for pending in (*batch, *self._waiting):
                _fail(pending, Unavailable(_SHUTTING_DOWN))
            self._waiting.clear()

    def _next_batch(self) -> list[_Pending]:
        batch: list[_Pending] = []
        rows = size = 0
        while self._waiting:
            following = self._waiting[0].batch
            rows, size = rows + len(following.rows), size + following.size
            if batch and (rows > MAX_BATCH_ROWS or size > MAX_BATCH_BYTES):
                break
            batch.append(self._waiting.popleft())
            self._waiting_bytes -= following.size
        return batch

    async def _store(self, batch: list[_Pending]) -> None:
        rows = [row for pending in batch for row in pending.batch.rows]
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._insert, rows)
        except PermanentExportError as error:
            if len(batch) == 1:
                _fail(batch[0], Refused(str(error)))
            else:  # stored one by one, so that a request with a fault does not fail the others
                for pending in batch:
                    await self._store([pending])
        except Exception as error:
            for pending in batch:
                _fail(pending, Unavailable(f"{error}"[:300]))
        else:
            for pending in batch:
                if not pending.stored.done():
                    pending.stored.set_result(None)


_Begun = tuple[Batch | None, Iterator[Batch]]
"""The first batch of a request, and an iterator over the others."""


def _begin(unpacked: bytes | bytearray, parse: Parse, rejections: Rejections) -> _Begun:
    rest = batches(parse(unpacked), rejections)
    return next(rest, None), rest


def _if_small(body: bytes | bytearray, unpack: Unpack, parse: Parse, rejections: Rejections) -> _Begun | None:
    """Begins to read a request; None where it is large and has to wait for other large ones."""
    try:
        unpacked = unpack(body, SMALL_BYTES)
    except TooLarge:
        return None
    return _begin(unpacked, parse, rejections)


def _fail(pending: _Pending, error: Exception) -> None:
    if not pending.stored.done():
        pending.stored.set_exception(error)
