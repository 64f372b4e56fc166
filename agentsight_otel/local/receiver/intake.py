"""Receives requests, bounded in the sum of their bytes; a sender that stalls makes room first."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from agentsight_otel.local.receiver.errors import TooLarge, TooSlow, Unavailable
from agentsight_otel.local.receiver.limits import BODY_S, IDLE_S, MAX_RECEIVING_BYTES, MAX_REQUEST_BYTES


@dataclass(eq=False)
class _Body:
    """A body, complete or still arriving."""

    task: "asyncio.Task[Any]"
    content: bytearray = field(default_factory=bytearray)
    size: int = 0
    began: float = field(default_factory=time.monotonic)
    moved: float = field(default_factory=time.monotonic)
    is_whole: bool = False
    has_to_go: bool = False


class Intake:
    """Receives the requests of one receiver, over HTTP and gRPC.

    The sum of their sizes is bounded; a body counts from its first byte until its spans are stored. Where there is no
    room for more bytes, the body that has not grown for longest is dropped, so that stalled senders block nobody.
    """

    def __init__(self) -> None:
        self._bodies: set[_Body] = set()
        self._size = 0

    @asynccontextmanager
    async def body_of(self, request: Request) -> AsyncIterator[bytearray]:
        """A request's body, as sent.

        Raises:
            TooLarge: The body is larger than allowed.
            TooSlow: The body did not arrive in time, or had to make room for others.
            Unavailable: There is no room for the body.
            starlette.requests.ClientDisconnect: The sender has closed the connection.
        """
        task = asyncio.current_task()
        assert task is not None
        body = _Body(task)
        self._bodies.add(body)
        try:
            await self._receive(body, request)
            yield body.content
        finally:
            self._bodies.discard(body)
            self._size -= body.size

    @contextmanager
    def holding(self, size: int) -> Iterator[None]:
        """Counts a request that arrived otherwise, for as long as it waits to be stored.

        Args:
            size: Its bytes, as sent.

        Raises:
            Unavailable: There is no room for it.
        """
        self._make_room(size)
        self._size += size
        try:
            yield
        finally:
            self._size -= size

    async def _receive(self, body: _Body, request: Request) -> None:
        chunks = request.stream().__aiter__()
        try:
            while True:
                left_s = min(IDLE_S, BODY_S - (time.monotonic() - body.began))
                chunk = await asyncio.wait_for(chunks.__anext__(), max(left_s, 0.001))
                if body.has_to_go:  # wait_for loses a cancellation that comes together with a chunk
                    raise _made_room()
                if body.size + len(chunk) > MAX_REQUEST_BYTES:
                    raise TooLarge(f"more than {MAX_REQUEST_BYTES} bytes")
                self._make_room(len(chunk), but=body)
                self._size += len(chunk)
                body.size += len(chunk)
                body.content += chunk
                body.moved = time.monotonic()
        except StopAsyncIteration:
            if body.has_to_go:
                raise _made_room() from None
            body.is_whole = True
        except asyncio.TimeoutError:
            raise TooSlow("the body did not arrive in time") from None
        except asyncio.CancelledError:
            if body.has_to_go:
                if hasattr(body.task, "uncancel"):  # since Python 3.11
                    body.task.uncancel()
                raise _made_room() from None
            raise

    def _make_room(self, size: int, *, but: _Body | None = None) -> None:
        while self._size + size > MAX_RECEIVING_BYTES:
            going = [each for each in self._bodies if not each.is_whole and not each.has_to_go and each is not but]
            oldest = min(going, key=lambda each: each.moved, default=None)
            if oldest is None or not oldest.size:
                raise Unavailable("too many requests at once")
            oldest.has_to_go = True
            oldest.content = bytearray()
            self._size -= oldest.size
            oldest.size = 0
            oldest.task.cancel()


def _made_room() -> TooSlow:
    return TooSlow("the body stood still and had to make room for others")
