"""A real OTLP receiver, gRPC or HTTP, in a child process, that fails on command: for tests and benchmarks/outage.py.

The server answers as its mode says; a TCP proxy before it hangs, closes connections midway, or is not there at all.
Every span that was acknowledged is a line in a file: its span id.
"""

import asyncio
import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

MODES = ("ok", "unavailable", "throttling", "exhausted", "refusing", "failing", "hanging", "closing", "absent")
"""``throttling`` is 429 with Retry-After, over gRPC RESOURCE_EXHAUSTED with RetryInfo; ``exhausted`` the same without
a pause; ``unavailable`` 503 and UNAVAILABLE; ``refusing`` 400 and INVALID_ARGUMENT; ``failing`` 500 and INTERNAL."""

PAUSE_S = 1


class FaultyReceiver:
    """The child process, from its parent.

    Args:
        protocol: ``grpc`` or ``http/protobuf``.
        folder: For the file of span ids.
        mode: The first one.
    """

    def __init__(self, protocol: str, folder: Path, mode: str = "ok") -> None:
        self._ids = folder / "received.txt"
        self._ids.touch()
        self._child = subprocess.Popen(
            [sys.executable, __file__, protocol, str(self._ids), mode],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self._answer())
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def _answer(self) -> str:
        assert self._child.stdout is not None
        return self._child.stdout.readline().strip()

    def _say(self, command: str) -> str:
        assert self._child.stdin is not None
        self._child.stdin.write(command + "\n")
        self._child.stdin.flush()
        return self._answer()

    def become(self, mode: str) -> None:
        """Answers in another mode from now on."""
        assert self._say(mode) == mode

    def largest_request_bytes(self) -> int:
        """The largest request seen, encoded, before compression."""
        return int(self._say("largest"))

    def requests(self) -> int:
        """The requests that reached the server."""
        return int(self._say("requests"))

    def received(self) -> list[str]:
        """The ids of the spans acknowledged, in hex; one delivered twice is there twice."""
        return self._ids.read_text().split()

    def close(self) -> None:
        """Ends the child."""
        assert self._child.stdin is not None and self._child.stdout is not None
        self._child.stdin.close()
        self._child.wait(10)
        self._child.stdout.close()


@contextmanager
def faulty_receiver(protocol: str, folder: Path, mode: str = "ok") -> Iterator[FaultyReceiver]:
    """A receiver for a ``with`` block."""
    receiver = FaultyReceiver(protocol, folder, mode)
    try:
        yield receiver
    finally:
        receiver.close()


# -- the child ------------------------------------------------------------------------------------------------------


class State:
    def __init__(self, ids: str, mode: str) -> None:
        self.mode = mode
        self.largest = self.requests = 0
        self.lock = threading.Lock()
        self.file = Path(ids).open("a")  # noqa: SIM115

    def refuses(self, request: Any) -> str:
        """The mode that this request meets; spans with the attribute ``poison`` are always refused."""
        with self.lock:
            self.requests += 1
            self.largest = max(self.largest, request.ByteSize())
        spans = [span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]
        if any(item.key == "poison" for span in spans for item in span.attributes):
            return "refusing"
        if self.mode == "ok":
            with self.lock:
                self.file.write("".join(f"{span.span_id.hex()}\n" for span in spans))
                self.file.flush()
        return self.mode


def serve_http(state: State) -> int:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    statuses = {"ok": 200, "unavailable": 503, "throttling": 429, "exhausted": 429, "refusing": 400, "failing": 500}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            mode = state.refuses(ExportTraceServiceRequest.FromString(body))
            self.send_response(statuses.get(mode, 503))
            if mode == "throttling":
                self.send_header("Retry-After", str(PAUSE_S))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def serve_grpc(state: State) -> int:
    import grpc
    from google.protobuf.any_pb2 import Any as AnyMessage
    from google.protobuf.duration_pb2 import Duration
    from google.rpc.error_details_pb2 import RetryInfo
    from google.rpc.status_pb2 import Status
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
        TraceServiceServicer,
        add_TraceServiceServicer_to_server,
    )

    codes = {
        "unavailable": grpc.StatusCode.UNAVAILABLE,
        "throttling": grpc.StatusCode.RESOURCE_EXHAUSTED,
        "exhausted": grpc.StatusCode.RESOURCE_EXHAUSTED,
        "refusing": grpc.StatusCode.INVALID_ARGUMENT,
        "failing": grpc.StatusCode.INTERNAL,
    }

    class Service(TraceServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:
            mode = state.refuses(request)
            if mode == "ok":
                return ExportTraceServiceResponse()
            if mode == "throttling":
                detail = AnyMessage()
                detail.Pack(RetryInfo(retry_delay=Duration(seconds=PAUSE_S)))
                status = Status(code=8, message="later", details=[detail])
                context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
            return context.abort(codes.get(mode, grpc.StatusCode.UNAVAILABLE), mode)

    server = grpc.server(ThreadPoolExecutor(8))
    add_TraceServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    globals()["_server"] = server  # a server without a reference stops
    return int(port)


class Proxy:
    """Forwards connections to the server, or not, as the mode says."""

    def __init__(self, state: State, target: int) -> None:
        self._state, self._target = state, target
        self._writers: set[asyncio.StreamWriter] = set()
        self._listener: asyncio.Server | None = None
        self.port = 0

    async def listen(self) -> None:
        self._listener = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def become(self, mode: str) -> None:
        before, self._state.mode = self._state.mode, mode
        if mode == "absent" and self._listener is not None:
            self._listener.close()
            self._listener = None
        elif self._listener is None and mode != "absent":
            await self.listen()
        if mode in ("absent", "closing") or before == "hanging":
            for writer in list(self._writers):
                writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers |= {writer, back}
        await asyncio.gather(self._forward(reader, back), self._forward(there, writer), return_exceptions=True)
        for one in (writer, back):
            self._writers.discard(one)
            one.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        forwarded = 0
        while data := await reader.read(65_536):
            while self._state.mode == "hanging":
                await asyncio.sleep(0.05)
            forwarded += len(data)
            if self._state.mode == "closing" and forwarded > 300:
                for one in list(self._writers):
                    one.transport.abort()
                return
            writer.write(data)
            await writer.drain()
        writer.close()


async def main(protocol: str, ids: str, mode: str) -> None:
    state = State(ids, "ok")
    proxy = Proxy(state, serve_grpc(state) if protocol == "grpc" else serve_http(state))
    await proxy.listen()
    await proxy.become(mode)
    print(proxy.port, flush=True)
    while command := (await asyncio.to_thread(sys.stdin.readline)).strip():
        if command in MODES:
            await proxy.become(command)
            print(command, flush=True)
        else:
            print(json.dumps(getattr(state, command)), flush=True)
    os._exit(0)  # connections are open still, and their end is of no interest


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
