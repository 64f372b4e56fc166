"""What the small OTLP receiver makes of requests: malformed, packed, large, at its end."""

import asyncio
import gzip
import http.client
import socket
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import grpc
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.sdk.trace.export import SpanExportResult

from agentsight_otel._export.rows import span_to_row
from agentsight_otel.local.receiver import Unavailable, Writer
from agentsight_otel.local.receiver.protobuf_spans import parse_protobuf
from agentsight_otel.local.receiver.unpacking import unpacker
from benchmarks.hostile_bodies import field, request
from tests.e2e.local.receiving import JSON, PROTOBUF, Receiver, by_id, spans


def spans_of_json(spans_in_it: bytes) -> bytes:
    return b'{"resourceSpans": [{"scopeSpans": [{"spans": [' + spans_in_it + b"]}]}]}"


def of_span(fields: bytes) -> bytes:
    return spans_of_json(b"{" + fields + b"}")


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
        (gzip.compress(b"\x0a\x00") + b"more", PROTOBUF, {"Content_Encoding": "gzip"}, 400),
        (zlib.compress(b"\x0a\x00") + zlib.compress(b""), PROTOBUF, {"Content_Encoding": "deflate"}, 400),
        (gzip.compress(gzip.compress(b"\x0a\x00")), PROTOBUF, {"Content_Encoding": "gzip, gzip"}, 415),
        (b"(\xb5/\xfd\x04\x00", PROTOBUF, {"Content_Encoding": "zstd"}, 415),
        (b"(\xb5/\xfd\x00", PROTOBUF, {}, 400),
        (b"\x78\x00", PROTOBUF, {}, 400),
        (b"\x0a\x05\xc2\x3e\x02\x12\x00", PROTOBUF, {}, 400),
        (b'{"resourcespans": []}', JSON, {}, 400),
        (b'{"resourceSpans": [{"instrumentationLibrarySpans": [{"spans": [{}]}]}]}', JSON, {}, 400),
        (b'{"resourceSpans": [{"scopeSpans": []}], "resourceSpans": []}', JSON, {}, 400),
        (b'{"resourceSpans": [], "resource_spans": [{}]}', JSON, {}, 400),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"kind": ' + b"1" * 5000 + b"}]}]}]}", JSON, {}, 400),
        (of_span(b'"kind": "\\ud800"'), JSON, {}, 400),
        (of_span(b'"status": {"code": "\\ud800"}'), JSON, {}, 400),
        (of_span(b'"\\ud800": 1'), JSON, {}, 400),
        (of_span(b'"attributes": [{"key": "k", "value": {"doubleValue": "\\ud800"}}]'), JSON, {}, 400),
        (of_span(b'"name": "\xed\xa0\x80"'), JSON, {}, 400),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": ["\\ud800"]}]}]}', JSON, {}, 400),
        (b"\x0a\x04\x0a\x00\x0a\x00", PROTOBUF, {}, 400),
        (b"\x0a\x06\x12\x04\x0a\x00\x0a\x00", PROTOBUF, {}, 400),
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
        "gzip-and-more",
        "deflate-twice",
        "gzip-in-gzip",
        "zstd",
        "zstd-not-said",
        "protobuf-of-something-else",
        "protobuf-of-a-former-version",
        "json-of-something-else",
        "json-of-a-former-version",
        "json-key-twice",
        "json-key-in-two-spellings",
        "json-number-of-5000-digits",
        "json-surrogate-as-kind",
        "json-surrogate-as-status",
        "json-surrogate-as-key",
        "json-surrogate-as-number",
        "json-surrogate-in-bytes",
        "json-surrogate-as-span",
        "protobuf-resource-twice",
        "protobuf-scope-twice",
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


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("GZIP", lambda body: gzip.compress(body[:300]) + gzip.compress(b"") + gzip.compress(body[300:])),
        ("identity, gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda body: zlib.compressobj(wbits=-15).compress(body) + _end(body)),
        ("identity", lambda body: body),
    ],
    ids=["gzip", "gzip-members", "gzip-after-none", "deflate", "deflate-bare", "none"],
)
def test_all_of_a_packed_body_is_stored(
    receiver: Receiver, stored: list[list[Any]], encoding: str, pack: Callable[[bytes], bytes], chunked: bool
) -> None:
    sent = spans()
    body = pack(encode_spans(sent).SerializeToString())
    connection = http.client.HTTPConnection("127.0.0.1", receiver.http_port, timeout=30)
    headers = {"Content-Type": PROTOBUF, "Content-Encoding": encoding}
    pieces = iter([body[at : at + 100] for at in range(0, len(body), 100)])
    connection.request("POST", "/v1/traces", pieces if chunked else body, headers, encode_chunked=chunked)
    assert connection.getresponse().status == 200
    assert by_id(stored) == by_id([span_to_row(span) for span in sent])


def _end(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    packer.compress(body)
    return packer.flush()


def test_three_hundred_bodies_that_never_come_keep_nobody_out(receiver: Receiver, stored: list[list[Any]]) -> None:
    head = f"POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {PROTOBUF}\r\nContent-Length: 9\r\n\r\n"
    with ExitStack() as held:
        for _ in range(300):
            connection = held.enter_context(socket.create_connection(("127.0.0.1", receiver.http_port), timeout=30))
            connection.sendall(head.encode())
        for number in range(1, 4):
            assert receiver.post(encode_spans(spans()).SerializeToString(), PROTOBUF)[0] == 200
            assert len(stored) == number * len(spans())


@pytest.mark.parametrize("words", [b"", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)])
def test_three_hundred_grpc_connections_that_say_nothing_more_keep_nobody_out(
    receiver: Receiver, stored: list[list[Any]], words: bytes
) -> None:
    with ExitStack() as held:
        for _ in range(300):
            connection = held.enter_context(socket.create_connection(("127.0.0.1", receiver.grpc_port), timeout=30))
            connection.sendall(words)
        exporter = GrpcExporter(endpoint=f"127.0.0.1:{receiver.grpc_port}", insecure=True, timeout=30)
        assert exporter.export(spans()) is SpanExportResult.SUCCESS
        assert len(stored) == len(spans())
        exporter.shutdown()


def test_two_messages_in_a_call_are_refused(receiver: Receiver, stored: list[list[Any]]) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{receiver.grpc_port}") as channel:
        export = channel.stream_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        message = encode_spans(spans()).SerializeToString()
        for messages in ([message, message], []):
            with pytest.raises(grpc.RpcError) as caught:
                export(iter(messages), timeout=30)
            assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT  # type: ignore[attr-defined]
    assert stored == []


def test_a_large_request_is_inserted_in_parts_and_small_ones_pass_it(receiver: Receiver) -> None:
    begun, go_on = threading.Event(), threading.Event()
    batches: list[int] = []

    def insert(rows: Sequence[list[Any]]) -> None:
        batches.append(len(rows))
        if len(batches) == 1:
            begun.set()
            assert go_on.wait(30)

    receiver.insert = insert
    sent = encode_spans(spans())
    one = sent.resource_spans[0].scope_spans[0].spans[0]
    sent.resource_spans[0].scope_spans[0].spans.extend([one] * 50_000)
    answers: list[int] = []
    large = threading.Thread(target=lambda: answers.append(receiver.post(sent.SerializeToString(), PROTOBUF)[0]))
    large.start()
    assert begun.wait(60)
    small = threading.Thread(target=lambda: receiver.post(encode_spans(spans()).SerializeToString(), PROTOBUF))
    small.start()
    deadline = time.monotonic() + 30
    while receiver.writer.waiting < 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    go_on.set()
    small.join(30)
    large.join(120)
    assert answers == [200]
    assert sum(batches) == 50_004
    assert len(batches) > 3 and batches[1] == 2


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (lambda: request(b"\x12\x00" * 100_001), PROTOBUF, 413),
        (lambda: request(b"\x12\x00" * 90_000 + b"\x12\x02\x2a\xff"), PROTOBUF, 400),
        (lambda: request(field(2, b"\x5a\x00" * 9_000) * 80), PROTOBUF, 413),
        (lambda: spans_of_json(b"{}," * 100_000 + b"{}"), JSON, 413),
        (lambda: spans_of_json(b"{}," * 70_000 + b'{"traceId": "xyz"}'), JSON, 400),
        (lambda: spans_of_json(b"{}," * 70_000 + b"1"), JSON, 400),
    ],
    ids=["protobuf-spans", "protobuf-late", "protobuf-parts", "json-spans", "json-late", "json-late-number"],
)
def test_a_request_that_is_refused_for_what_comes_late_is_not_stored_in_part(
    receiver: Receiver, stored: list[list[Any]], body: Callable[[], bytes], content_type: str, status: int
) -> None:
    assert receiver.post(body(), content_type)[0] == status
    assert stored == []


def test_at_the_end_senders_hear_what_became_of_the_running_insert() -> None:
    """A sender that is told to come again would send what is stored already."""

    async def close_while_inserting() -> tuple[Any, Any]:
        begun, go_on = threading.Event(), threading.Event()

        def insert(rows: Sequence[list[Any]]) -> None:
            begun.set()
            assert go_on.wait(30)

        writer = Writer(insert)
        body = encode_spans(spans()).SerializeToString()
        running = asyncio.create_task(writer.store(body, unpacker(""), parse_protobuf))
        await asyncio.to_thread(begun.wait, 30)
        waiting = asyncio.create_task(writer.store(body, unpacker(""), parse_protobuf))
        while not writer.waiting:
            await asyncio.sleep(0.001)
        closing = asyncio.create_task(writer.close())
        done, _ = await asyncio.wait({closing}, timeout=0.2)
        assert not done
        go_on.set()
        await closing
        with pytest.raises(Unavailable):
            await writer.store(body, unpacker(""), parse_protobuf)
        return tuple(await asyncio.gather(running, waiting, return_exceptions=True))

    stored, told = asyncio.run(close_while_inserting())
    assert stored.count == 0
    assert isinstance(told, Unavailable)
