"""The web servers of the local services, with a limit of connections, each in an event loop or a thread of its own."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from agentsight_otel.local.errors import StartFailed

GRACE_S = 3.0
"""How long running requests may take when a server stops, in seconds."""

MAX_CONNECTIONS = 256
"""The most connections of a server; beyond, the one that has stood still for longest is closed."""

_REQUEST_S = 15.0
"""How long a connection may be open without a request, from its first byte to the end of its headers."""

_READING_S = 60.0
"""How long a client may leave a response unread."""

_START_S = 30.0


class _Connection(H11Protocol):
    """A connection that is closed when it stands still for too long, or for longest while others need its place.

    It stands still where no request arrives, or none of its bytes, or where the client does not read the response. A
    connection whose request is being worked on does not stand still.
    """

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._still_since = time.monotonic()
        self._unread: asyncio.TimerHandle | None = None
        # uvicorn's own idle timer starts only after a response, and ends with the next byte.
        self._awaited = self.loop.call_later(_REQUEST_S, self._close_if_idle)
        if len(self.connections) > MAX_CONNECTIONS:
            still = [each for each in self.connections if isinstance(each, _Connection) and each._stands_still()]
            longest = min(still, key=lambda each: each._still_since, default=self)
            longest.transport.abort()

    def data_received(self, data: bytes) -> None:
        self._still_since = time.monotonic()
        super().data_received(data)

    def on_response_complete(self) -> None:
        self._still_since = time.monotonic()
        self._awaited.cancel()
        self._awaited = self.loop.call_later(_REQUEST_S, self._close_if_idle)
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._still_since = time.monotonic()
        self._unread = self.loop.call_later(_READING_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        self._awaited.cancel()
        if self._unread is not None:
            self._unread.cancel()
        super().connection_lost(exc)

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _stands_still(self) -> bool:
        if self.transport.is_closing():
            return False
        return self._is_idle() or self.cycle.more_body or self.flow.write_paused

    def _close_if_idle(self) -> None:
        if self._is_idle():
            self.transport.abort()


class _Server(uvicorn.Server):
    """uvicorn without signal handlers: two servers run in this process, and are stopped in order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server(app: Any) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            http=_Connection,
            ws="none",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=int(GRACE_S),
        )
    )


@asynccontextmanager
async def serving(app: Any, listening: socket.socket) -> AsyncIterator[None]:
    """Serves an ASGI application in this event loop.

    Raises:
        StartFailed: The server ended while starting.
    """
    server = _server(app)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started:
            if task.done():
                await task
                raise StartFailed("the web server ended while starting")
            await asyncio.sleep(0.005)
        yield
    finally:
        server.should_exit = True
        await task


@contextmanager
def serving_apart(app: Any, listening: socket.socket) -> Iterator[None]:
    """Serves an ASGI application in a thread with an event loop of its own.

    Raises:
        StartFailed: The server ended while starting.
    """
    server = _server(app)
    thread = threading.Thread(
        target=lambda: asyncio.run(server.serve(sockets=[listening])), name="agentsight-page", daemon=True
    )
    thread.start()
    try:
        deadline = time.monotonic() + _START_S
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                raise StartFailed("the web server ended while starting")
            time.sleep(0.005)
        yield
    finally:
        server.should_exit = True
        thread.join(2 * GRACE_S)
