"""The small OTLP receiver: what goes in by gRPC, protobuf and JSON is stored as the direct exporter stores it."""

import gzip
import json
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.trace.export import SpanExportResult

from agentsight_otel._export.clickhouse import ClickHouseSpanExporter, RowInserter
from agentsight_otel._export.errors import PermanentExportError
from agentsight_otel._export.rows import COLUMNS, span_to_row
from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse.client import ClickHouseConnectionError
from agentsight_otel.local.receiver.errors import MalformedRequest
from agentsight_otel.local.receiver.json_spans import parse_json
from agentsight_otel.local.receiver.otlp_rows import request_to_rows
from agentsight_otel.local.receiver.protobuf_spans import parse_protobuf
from tests.e2e.local.receiving import JSON, PROTOBUF, Receiver, as_json, by_id, spans


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
        list(parse_json(b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "zz"}]}]}]}'))
