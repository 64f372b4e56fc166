"""The connections of OTLP over gRPC: passed on to gRPC's own server, and closed while others need their place.

gRPC keeps to a number of connections by refusing new ones: whoever holds so many would keep all others out.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, cast

from agentsight_otel.local.serving import MAX_CONNECTIONS

_BUFFERED_BYTES = 32 * 1024


def front(path: str) -> Callable[[], asyncio.Protocol]:
    """What makes the protocol of each connection; where there are too many, it closes the one still for longest.

    Args:
        path: The socket of gRPC's server.
    """
    senders: set[_Sender] = set()
    return lambda: _Sender(senders, path)


class _End(asyncio.Protocol):
    """One end of a connection, whose bytes go to the other one as fast as that takes them."""

    transport: asyncio.Transport
    other: "_End | None" = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(_BUFFERED_BYTES)

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is not None:
            self.other.transport.close()


class _Sender(_End):
    def __init__(self, senders: "set[_Sender]", path: str) -> None:
        self._senders = senders
        self._path = path
        self._early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.still_since = time.monotonic()
        self.transport.pause_reading()
        if len(self._senders) >= MAX_CONNECTIONS:
            longest = min(self._senders, key=lambda each: each.still_since)
            self._senders.discard(longest)
            longest.transport.abort()
        self._senders.add(self)
        self._connecting = asyncio.create_task(self._connect())

    async def _connect(self) -> None:
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: _Server(self), self._path)
        except OSError:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        self.still_since = time.monotonic()
        if self.other is not None:
            super().data_received(data)
            return
        # Python 3.10 reads although it was told to pause while the connection was made: only once more.
        self._early += data
        self.transport.resume_reading()
        self.transport.pause_reading()

    def connected(self, server: "_Server") -> None:
        """Passes on what came early, and all that comes from now on."""
        self.other = server
        server.transport.write(self._early)
        self._early = b""
        self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._senders.discard(self)
        super().connection_lost(exc)


class _Server(_End):
    def __init__(self, sender: _Sender) -> None:
        self.other = self._sender = sender

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if self._sender.transport.is_closing():
            self.transport.abort()
        else:
            self._sender.connected(self)
