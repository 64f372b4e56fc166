"""A TCP proxy in front of ClickHouse that is slow, or cuts connections, when a test says so."""

import contextlib
import socket
import threading
import time

_UPLOAD_BYTES = 4_096
"""From here on what a client sent since the last answer holds the rows of an INSERT, and not only its text."""
_END_OF_STREAM = b"\x05"
"""The last packet of an answer in ClickHouse's native protocol: the rows are stored."""


class Proxy:
    """Listens on the loopback interface and passes everything on.

    Attributes:
        answer_delay_s: How long each answer to an INSERT's rows is held back.
        cuts_left: So many times the answer to an INSERT's rows is thrown away and the connection cut: ClickHouse has
            stored them, and the client does not know.
        cut: How often that was done.

    Args:
        host: Where ClickHouse is.
        port: Its native port.
    """

    def __init__(self, host: str, port: int) -> None:
        self.answer_delay_s = 0.0
        self.cuts_left = 0
        self.cut = 0
        self._target = host, port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def endpoint(self) -> str:
        """For AGENTSIGHT_CLICKHOUSE_ENDPOINT."""
        host, port = self._listener.getsockname()
        return f"tcp://{host}:{port}"

    def close(self) -> None:
        """Takes no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            _Link(self, client, server)

    def _take_cut(self) -> bool:
        with self._lock:
            if self.cuts_left <= 0:
                return False
            self.cuts_left -= 1
            self.cut += 1
            return True


class _Link:
    """One connection, and the bytes that its client sent since the last answer."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._uploaded = 0
        for run in (self._up, self._down):
            threading.Thread(target=run, daemon=True).start()

    def _up(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._client.recv(65_536):
                self._uploaded += len(data)
                self._server.sendall(data)
        self._close()

    def _down(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._server.recv(65_536):
                if self._uploaded >= _UPLOAD_BYTES:
                    if self._proxy._take_cut():
                        while data and not data.endswith(_END_OF_STREAM):  # until then nothing may be stored
                            data = self._server.recv(65_536)
                        break
                    time.sleep(self._proxy.answer_delay_s)
                self._uploaded = 0
                self._client.sendall(data)
        self._close()

    def _close(self) -> None:
        for end in (self._client, self._server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
