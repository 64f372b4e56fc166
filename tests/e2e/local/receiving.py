"""The small OTLP receiver in a thread, and spans to send to it."""

import asyncio
import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentsight_otel._export.rows import COLUMNS
from agentsight_otel.local.receiver import Intake, Writer, http_app, start_grpc
from agentsight_otel.local.serving import serving

PROTOBUF, JSON = "application/x-protobuf", "application/json"


@dataclass
class Receiver:
    """A receiver on free ports, in a thread; what its inserts do can be changed while it runs."""

    insert: Callable[[Sequence[list[Any]]], None]
    http_port: int = 0
    grpc_port: int = 0
    _ready: threading.Event = field(default_factory=threading.Event)
    _stop: Callable[[], None] = lambda: None

    def __enter__(self) -> "Receiver":
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._thread.join(30)

    async def _serve(self) -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        self._stop = lambda: loop.call_soon_threadsafe(stopped.set)
        self.writer = writer = Writer(lambda rows: self.insert(rows))
        intake = Intake()
        grpc_server = await start_grpc(writer, intake, "127.0.0.1", 0)
        self.grpc_port = grpc_server.port
        listening = socket.create_server(("127.0.0.1", 0))
        self.http_port = listening.getsockname()[1]
        async with serving(http_app(writer, intake), listening):
            self._ready.set()
            await stopped.wait()
        await grpc_server.stop(1)
        await writer.close()

    def post(self, body: bytes, content_type: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http_port}/v1/traces",
            body,
            {"Content-Type": content_type, **{name.replace("_", "-"): value for name, value in headers.items()}},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            return error.code, error.read(), dict(error.headers)


def spans() -> list[ReadableSpan]:
    """Every kind of value, event, link, status and kind that a span can have."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(
        resource=Resource({"service.name": "svc", "n": 1, "list": [1.5, 2.0]}), shutdown_on_exit=False
    )
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("scope", "1.2")
    with tracer.start_as_current_span(
        "root ünï <&>",
        kind=trace.SpanKind.CLIENT,
        attributes={
            "gen_ai.conversation.id": "c1", "i": 1, "f": 2.0, "tiny": 1e-7, "huge": 1e21, "b": True, "s": "x", "e": "",
            "a": ["a", 'b"c\u2028'], "ints": [1, 2], "bools": [True, False], "bytes": b"\x00\xff", "nan": float("nan"),
        },
    ) as root:  # fmt: skip
        root.add_event("agentsight.message", {"agentsight.message.content": "hi", "n": 3})
        with tracer.start_as_current_span("child", links=[trace.Link(root.get_span_context(), {"k": 1.5})]) as child:
            child.set_status(trace.Status(trace.StatusCode.ERROR, "broke"))
    return list(memory.get_finished_spans())


def as_json(request: ExportTraceServiceRequest) -> bytes:
    """OTLP's JSON: protobuf's, but with ids in hex."""
    import base64

    from google.protobuf.json_format import MessageToDict

    def hexadecimal(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: base64.b64decode(item).hex() if key in ("traceId", "spanId", "parentSpanId") else hexadecimal(item)
                for key, item in value.items()
            }
        return [hexadecimal(item) for item in value] if isinstance(value, list) else value

    return json.dumps(hexadecimal(MessageToDict(request, use_integers_for_enums=True))).encode()


def by_id(rows: list[list[Any]]) -> dict[str, list[Any]]:
    return {row[list(COLUMNS).index("SpanId")]: row for row in rows}
