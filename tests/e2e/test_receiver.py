"""The small OTLP receiver: what goes in by gRPC, protobuf and JSON is stored as the direct exporter stores it."""

import asyncio
import gzip
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
import uvicorn
from google.rpc.status_pb2 import Status
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentsight_otel import clickhouse_client
from agentsight_otel.clickhouse_client import ClickHouseConnectionError
from agentsight_otel.delivery import PermanentExportError
from agentsight_otel.exporters import ClickHouseSpanExporter
from agentsight_otel.exporters.clickhouse import RowInserter
from agentsight_otel.exporters.otlp import MalformedRequest, parse_json, parse_protobuf, request_to_rows
from agentsight_otel.exporters.rows import COLUMNS, span_to_row
from agentsight_otel.local.receiver import Writer, http_app, start_grpc

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
        grpc_server, self.grpc_port = await start_grpc(writer, "127.0.0.1", 0)
        listening = socket.create_server(("127.0.0.1", 0))
        self.http_port = listening.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(http_app(writer), log_level="warning"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        self._ready.set()
        await stopped.wait()
        server.should_exit = True
        await serving
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


@pytest.fixture
def stored() -> list[list[Any]]:
    return []


@pytest.fixture
def receiver(stored: list[list[Any]]) -> Iterator[Receiver]:
    with Receiver(stored.extend) as running:
        yield running


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


def test_each_way_in_gives_the_rows_of_the_direct_exporter(receiver: Receiver, stored: list[list[Any]]) -> None:
    sent = spans()
    expected = by_id([span_to_row(span) for span in sent])
    request = encode_spans(sent)
    url = f"http://127.0.0.1:{receiver.http_port}/v1/traces"
    ways: list[Callable[[], object]] = [
        lambda: GrpcExporter(endpoint=f"127.0.0.1:{receiver.grpc_port}", insecure=True).export(sent),
        lambda: GrpcExporter(
            endpoint=f"127.0.0.1:{receiver.grpc_port}", insecure=True, compression=grpc.Compression.Gzip
        ).export(sent),
        lambda: HttpExporter(endpoint=url).export(sent),
        lambda: HttpExporter(endpoint=url, compression=Compression.Gzip).export(sent),
        lambda: receiver.post(as_json(request), JSON)[0],
        lambda: receiver.post(gzip.compress(as_json(request)), f"{JSON}; charset=utf-8", Content_Encoding="gzip")[0],
    ]
    for way in ways:
        stored.clear()
        assert way() in (SpanExportResult.SUCCESS, 200)
        assert by_id(stored) == expected


def test_what_clickhouse_stores_is_what_the_direct_exporter_stores(schema_url: str) -> None:
    sent = spans()
    columns = ", ".join(f"`{name}`" for name in COLUMNS)
    with clickhouse_client.connect(schema_url) as client:

        def take() -> list[Any]:
            rows = client.query(f"SELECT {columns} FROM otel_traces ORDER BY SpanId").result_rows
            client.command("TRUNCATE TABLE otel_traces")
            return [str(row) for row in rows]

        ClickHouseSpanExporter(schema_url).export(sent)
        direct = take()
        assert len(direct) == len(sent)
        with Receiver(RowInserter(schema_url).insert) as receiver:
            assert receiver.post(encode_spans(sent).SerializeToString(), PROTOBUF)[0] == 200
            assert take() == direct
            assert receiver.post(as_json(encode_spans(sent)), JSON)[0] == 200
            assert take() == direct


def test_values_that_no_sdk_sends_are_stored_as_the_collector_stores_them() -> None:
    body = {
        "resourceSpans": [
            {
                "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "s"}}]},
                "scopeSpans": [
                    {
                        "spans": [
                            {
                                "traceId": "00000000000000000000000000000000",
                                "spanId": "EEE19B7EC3C1B174",
                                "name": "n",
                                "startTimeUnixNano": "18446744073709551615",
                                "endTimeUnixNano": 5,
                                "status": {"code": 1},
                                "notAField": {"traceId": "zz"[:0]},
                                "attributes": [
                                    {"key": "map", "value": {"kvlistValue": {"values": [
                                        {"key": "b", "value": {"intValue": "1"}},
                                        {"key": "a", "value": {"intValue": 2}},
                                    ]}}},
                                    {"key": "none", "value": {}},
                                    {"key": "twice", "value": {"stringValue": "first"}},
                                    {"key": "twice", "value": {"stringValue": "second"}},
                                    {"key": "mixed", "value": {"arrayValue": {"values": [
                                        {"stringValue": "<é>&"}, {"doubleValue": 1e21}, {"boolValue": True}, {},
                                    ]}}},
                                ],
                            },
                            {"traceId": "abcd", "spanId": "EEE19B7EC3C1B174", "name": "short"},
                        ]
                    }
                ],
            }
        ]
    }  # fmt: skip
    rows, rejections = request_to_rows(parse_json(json.dumps(body).encode()))
    assert rejections == ["span 'short': expected a trace id of 16 bytes and a span id of 8"]
    row = dict(zip(COLUMNS, rows[0], strict=True))
    assert (row["TraceId"], row["SpanId"], row["SpanKind"], row["StatusCode"]) == (
        "", "eee19b7ec3c1b174", "Unspecified", "Ok",
    )  # fmt: skip
    assert (row["Timestamp"], row["Duration"]) == (-1, 6)
    assert row["SpanAttributes"] == {
        "map": '{"a":2,"b":1}', "mixed": '["<é>&",1e+21,true,null]', "none": "", "twice": "first",
    }  # fmt: skip


def test_rejected_spans_are_a_partial_success_and_the_others_are_stored(
    receiver: Receiver, stored: list[list[Any]]
) -> None:
    request = encode_spans(spans())
    request.resource_spans[0].scope_spans[0].spans[0].trace_id = b"\x01"
    status, body, _ = receiver.post(request.SerializeToString(), PROTOBUF)
    assert status == 200
    answer = ExportTraceServiceResponse.FromString(body)
    assert answer.partial_success.rejected_spans == 1
    assert "expected a trace id of 16 bytes" in answer.partial_success.error_message
    assert len(stored) == 1
    status, body, headers = receiver.post(as_json(request), JSON)
    assert (status, headers["content-type"]) == (200, JSON)
    assert json.loads(body)["partialSuccess"]["rejectedSpans"] == "1"


@pytest.mark.parametrize(
    ("body", "content_type", "headers", "status"),
    [
        (b"\xff\xff\xff", PROTOBUF, {}, 400),
        (b"{", JSON, {}, 400),
        (b"[]", JSON, {}, 400),
        (b"[" * 100_000, JSON, {}, 400),
        (b'{"resourceSpans": 1}', JSON, {}, 400),
        (b"\xff{}", JSON, {}, 400),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "xyz"}]}]}]}', JSON, {}, 400),
        (b"not gzip", PROTOBUF, {"Content_Encoding": "gzip"}, 400),
        (gzip.compress(b"x" * 1000)[:20], PROTOBUF, {"Content_Encoding": "gzip"}, 400),
        (gzip.compress(bytes(65 * 1024 * 1024)), PROTOBUF, {"Content_Encoding": "gzip"}, 413),
        (b"", PROTOBUF, {"Content_Encoding": "br"}, 415),
        (b"hello", "text/plain", {}, 415),
        (b"", PROTOBUF, {}, 200),
        (b"{}", JSON, {}, 200),
    ],
    # Bodies as names would differ from process to process: gzip writes the time into them.
    ids=[
        "protobuf-garbage",
        "json-unfinished",
        "json-array",
        "json-deep",
        "json-wrong-type",
        "json-invalid-utf8",
        "json-wrong-id",
        "gzip-none",
        "gzip-cut",
        "gzip-bomb",
        "unknown-encoding",
        "unknown-type",
        "protobuf-empty",
        "json-empty",
    ],
)
def test_malformed_requests_are_refused(
    receiver: Receiver, stored: list[list[Any]], body: bytes, content_type: str, headers: dict[str, str], status: int
) -> None:
    got, answer, _ = receiver.post(body, content_type, **headers)
    assert got == status
    assert stored == []
    if content_type == PROTOBUF and status >= 400:
        assert Status.FromString(answer).message


def test_malformed_grpc_is_an_invalid_argument(receiver: Receiver) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{receiver.grpc_port}") as channel:
        export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        with pytest.raises(grpc.RpcError) as caught:
            export(b"\xff\xff", timeout=30)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT  # type: ignore[attr-defined]


def test_nothing_is_acknowledged_that_is_not_stored(receiver: Receiver) -> None:
    def away(rows: Sequence[list[Any]]) -> None:
        raise ClickHouseConnectionError("no ClickHouse answers")

    def refusing(rows: Sequence[list[Any]]) -> None:
        raise PermanentExportError("cannot be parsed")

    body = encode_spans(spans()).SerializeToString()
    with grpc.insecure_channel(f"127.0.0.1:{receiver.grpc_port}") as channel:
        export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        for insert, status, code in (
            (away, 503, grpc.StatusCode.UNAVAILABLE),
            (refusing, 400, grpc.StatusCode.INVALID_ARGUMENT),
        ):
            receiver.insert = insert
            got, _, headers = receiver.post(body, PROTOBUF)
            assert got == status
            assert ("retry-after" in headers) == (status == 503)
            with pytest.raises(grpc.RpcError) as caught:
                export(body, timeout=30)
            assert caught.value.code() == code  # type: ignore[attr-defined]


def test_requests_that_come_during_an_insert_share_the_next_and_only_the_guilty_one_fails(receiver: Receiver) -> None:
    begun, go_on = threading.Event(), threading.Event()
    batches: list[int] = []

    def insert(rows: Sequence[list[Any]]) -> None:
        batches.append(len(rows))
        begun.set()
        assert go_on.wait(30)
        if any(row[list(COLUMNS).index("SpanName")] == "guilty" for row in rows):
            raise PermanentExportError("refused")

    receiver.insert = insert
    good = encode_spans(spans())
    guilty = ExportTraceServiceRequest.FromString(good.SerializeToString())
    guilty.resource_spans[0].scope_spans[0].spans[0].name = "guilty"
    statuses: list[int] = []
    senders = [
        threading.Thread(target=lambda body=body: statuses.append(receiver.post(body, PROTOBUF)[0]))
        for body in [good.SerializeToString()] * 20 + [guilty.SerializeToString()]
    ]
    senders[0].start()
    assert begun.wait(30)
    for sender in senders[1:]:
        sender.start()
    deadline = time.monotonic() + 30
    while receiver.writer.waiting < 20 and time.monotonic() < deadline:
        time.sleep(0.01)
    go_on.set()
    for sender in senders:
        sender.join(30)
    assert sorted(statuses) == [200] * 20 + [400]
    # The first, then all others at once, then, as that is refused, each of them alone.
    assert batches == [2, 40] + [2] * 20


def test_parsers_refuse_what_is_no_request() -> None:
    with pytest.raises(MalformedRequest):
        parse_protobuf(b"\xff")
    with pytest.raises(MalformedRequest, match="traceId: 'zz'"):
        parse_json(b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "zz"}]}]}]}')
