"""What no sender should send is refused, or bounded, or stored as it is; and the next good span is counted.

A wrong token is in test_gateway.py.
"""

import gzip
import itertools
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.local import EmbeddedClickHouse
from agentsight_otel.metrics import METRICS
from tests.collector import conversations
from tests.collector.building import CONFIGS
from tests.collector.conftest import clickhouse_environment
from tests.collector.counting import START_NS
from tests.collector.otlp import Connection, encode
from tests.collector.running import Collector
from tests.collector.waiting import until
from tests.sql.model import DAY_MS, Ask, Span, answers
from tests.sql.storing import ask_view, assert_views_agree

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
MEMORY_LIMIT_BYTES = 512 * 2**20
"""What local.yaml's memory_limiter allows the heap."""


class Service:
    """A collector with ClickHouse behind it, and the good spans that were sent so far."""

    def __init__(self, collector: Collector, url: str) -> None:
        self.collector = collector
        self.url = url
        self.sent: list[Span] = []
        self._numbers = itertools.count()

    def post(self, body: bytes, **headers: str) -> int:
        return Connection(self.collector.http).post(
            body, {name.replace("_", "-"): value for name, value in headers.items()}
        )

    def call(self, body: bytes) -> grpc.StatusCode:
        """Sends bytes as they are over gRPC."""
        options = [("grpc.max_send_message_length", -1)]
        with grpc.insecure_channel(self.collector.grpc, options=options) as channel:
            try:
                channel.unary_unary(EXPORT)(body, timeout=60)
            except grpc.RpcError as error:
                return error.code()
        return grpc.StatusCode.OK

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with clickhouse_client.connect(self.url) as client:
            return list(client.query(sql).result_rows)

    def assert_goes_on(self) -> None:
        """The collector lives in bounded memory, and a good conversation arrives."""
        number = next(self._numbers)
        good = conversations.conversation(number, START_NS + number * 61_000_000_000)
        assert self.post(encode(good)) == 200
        self.sent += good
        until(lambda: self.collector.metrics()["otelcol_exporter_queue_size"] == 0, what="an empty queue")
        found = f"SELECT count() FROM otel_traces WHERE TraceId = '{good[0].trace_id}'"
        until(lambda: self.query(found) == [(len(good),)], what="a good conversation")
        assert self.collector.healthy()
        assert self.collector.metrics()["otelcol_process_memory_rss"] < 2 * MEMORY_LIMIT_BYTES

    def assert_metrics(self) -> None:
        """The metrics of the good conversations are as if there had been nothing else."""
        ask = Ask(START_NS // 1_000_000 - DAY_MS, START_NS // 1_000_000 + 30 * DAY_MS)
        with clickhouse_client.connect(self.url) as client:
            assert_views_agree(client, answers(self.sent, ask), ask)


@pytest.fixture(scope="module")
def running(
    otelcol: Path, clickhouse_server: EmbeddedClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    url = clickhouse_server.url(f"bad_{secrets.token_hex(6)}")
    schema.apply(url)
    environment = clickhouse_environment(clickhouse_server, url)
    folder = tmp_path_factory.mktemp("bad_input")
    overlay = folder / "quick.yaml"
    overlay.write_text("exporters: {clickhouse: {sending_queue: {batch: {flush_timeout: 100ms}}}}\n")
    with Collector(otelcol, [CONFIGS / "local.yaml", overlay], environment, folder / "collector") as collector:
        service = Service(collector, url)
        yield service
        service.assert_metrics()


@pytest.fixture
def service(running: Service) -> Iterator[Service]:
    """After each test a good conversation has to arrive."""
    yield running
    running.assert_goes_on()


def request(**span: Any) -> ExportTraceServiceRequest:
    """A request with one span."""
    made = ExportTraceServiceRequest()
    given = {"trace_id": secrets.token_bytes(16), "span_id": secrets.token_bytes(8), "start_time_unix_nano": START_NS}
    name = span.pop("name", f"bad {secrets.token_hex(6)}")
    made.resource_spans.add().scope_spans.add().spans.add(name=name, **{**given, **span})
    return made


def attribute(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"string_value": value}}


def stored(service: Service, columns: str, made: ExportTraceServiceRequest) -> tuple[Any, ...]:
    """Columns of a request's span, once it is stored."""
    found = (
        f"SELECT {columns} FROM otel_traces WHERE SpanName = '{made.resource_spans[0].scope_spans[0].spans[0].name}'"
    )
    until(lambda: bool(service.query(found)), what="the span stored")
    return service.query(found)[0]


@pytest.mark.parametrize(
    "body",
    [b"\xff" * 1_000, b"\x0a\xff\xff\xff\xff\x0f", request().SerializeToString()[:-5]],
    ids=["no field", "endless length", "cut off"],
)
def test_malformed_protobuf_is_refused(service: Service, body: bytes) -> None:
    assert service.post(body) == 400
    assert service.call(body) is grpc.StatusCode.INTERNAL


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b'{"resourceSpans": [{"scopeSpans": ', 400),
        ("application/json", b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "no hex"}]}]}]}', 400),
        ("text/plain", b"hello", 415),
        ("application/octet-stream", request().SerializeToString(), 415),
    ],
    ids=["broken json", "no hexadecimal id", "text", "no type"],
)
def test_other_content_is_refused(service: Service, content_type: str, body: bytes, status: int) -> None:
    assert service.post(body, Content_Type=content_type) == status


@pytest.mark.parametrize(
    "body",
    [gzip.compress(bytes(300_000_000), 1), gzip.compress(request().SerializeToString())[:-12], b"not gzip"],
    ids=["bomb", "cut off", "no gzip"],
)
def test_gzip_that_is_a_bomb_or_broken_is_refused(service: Service, body: bytes) -> None:
    assert service.post(body, Content_Encoding="gzip") == 400


def test_more_than_64_mib_at_once_is_refused(service: Service) -> None:
    body = request(attributes=[attribute("big", "x" * (65 * 2**20))]).SerializeToString()
    assert service.post(body) in (0, 400, 413)  # 0: it hangs up while we are still sending
    assert service.call(body) is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_plain_text_on_the_grpc_port_is_hung_up_on(service: Service) -> None:
    host, port = service.collector.grpc.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: collector\r\n\r\nhello\r\n" * 10)
        answer = b""
        try:
            while data := connection.recv(65_536):
                answer += data
        except ConnectionResetError:
            pass
    assert b"hello" not in answer


def test_a_span_of_10_mb_is_stored_as_it_is(service: Service) -> None:
    made = request(attributes=[attribute("big", "x" * 10_000_000), attribute("gen_ai.conversation.id", "big")])
    assert service.post(made.SerializeToString()) == 200
    assert stored(service, "length(SpanAttributes['big']), ConversationId", made) == (10_000_000, "big")
    made = request(attributes=[attribute("big", "x" * 10_000_000)])
    assert service.call(made.SerializeToString()) is grpc.StatusCode.OK
    assert stored(service, "length(SpanAttributes['big'])", made) == (10_000_000,)


def test_100_000_attributes_are_stored_as_they_are(service: Service) -> None:
    made = request(attributes=[attribute(f"key-{number}", "value") for number in range(100_000)])
    assert service.post(made.SerializeToString()) == 200
    assert stored(service, "length(SpanAttributes), SpanAttributes['key-99999']", made) == (100_000, "value")


def test_10_000_events_are_stored_as_they_are(service: Service) -> None:
    events = [{"name": "agentsight.message", "time_unix_nano": START_NS}] * 10_000
    made = request(events=events)
    assert service.post(made.SerializeToString()) == 200
    assert stored(service, "length(Events.Name)", made) == (10_000,)


def test_values_nested_10_000_levels_deep_are_stored_as_they_are(service: Service) -> None:
    """The collector has no limit of its own: its README says how deep is too deep."""
    body = nested(10_000)
    assert service.post(body) == 200
    deep = "SELECT max(length(SpanAttributes['deep'])) FROM otel_traces"
    until(lambda: service.query(deep) == [(20_003,)], what="the span stored")


def nested(depth: int) -> bytes:
    """A request whose attribute ``deep`` is a list in a list in a list …, which no protobuf library would make."""
    value = field(1, b"x")
    heads = []
    size = len(value)
    for _ in range(depth):
        for number in (1, 5):  # ArrayValue.values, AnyValue.array_value
            heads.append(bytes([number << 3 | 2]) + varint(size))
            size += len(heads[-1])
    deep = field(1, b"deep") + field(2, b"".join(reversed(heads)) + value)
    span = field(1, secrets.token_bytes(16)) + field(2, secrets.token_bytes(8)) + field(5, b"nested") + field(9, deep)
    return field(1, field(2, field(2, span)))


def field(number: int, data: bytes) -> bytes:
    return bytes([number << 3 | 2]) + varint(len(data)) + data


def varint(number: int) -> bytes:
    encoded = b""
    while number > 127:
        encoded += bytes([number & 127 | 128])
        number >>= 7
    return encoded + bytes([number])


def assert_views_answer(service: Service) -> None:
    """Every view over all times: no exception, whatever is stored."""
    with clickhouse_client.connect(service.url) as client:
        for view in METRICS:
            ask_view(client, view, Ask(-(2**31) * 1_000, 9_223_372_036_000, "Europe/Athens"))


def test_invalid_utf_8_is_stored_as_it_is_and_breaks_no_view(service: Service) -> None:
    start_ns = START_NS + 90 * DAY_MS * 1_000_000  # apart from the good conversations
    bad = conversations.conversation(7_000_000, start_ns)
    conversation_id = bad[0].conversation_id.encode()
    body = encode(bad)
    for text in (conversation_id, b"invoke_agent", b"lookup_customer", b"within the hour", b"customer-0"):
        assert text in body
        body = body.replace(text, text[:-2] + b"\xff\xc3")
    assert service.post(body) == 200
    found = f"FROM otel_traces WHERE TraceId = '{bad[0].trace_id}'"
    until(lambda: service.query(f"SELECT count() {found}") == [(len(bad),)], what="the spans stored")
    hexadecimal = conversation_id[:-2].hex() + "ffc3"
    assert service.query(f"SELECT DISTINCT lower(hex(ConversationId)) {found}") == [(hexadecimal,)]
    assert service.query(f"SELECT uniqExact(SpanName) {found} AND NOT isValidUTF8(SpanName)") != [(0,)]
    service.assert_goes_on()  # the queue is empty, so the rollups have it too
    assert_views_answer(service)
    day = Ask(start_ns // 1_000_000 - DAY_MS, start_ns // 1_000_000 + DAY_MS)
    with clickhouse_client.connect(service.url) as client:
        assert ask_view(client, "metric_total_conversations", day) == [(1,)]
        assert ask_view(client, "metric_total_messages", day) == [(8, 4, 4)]


def test_odd_times_are_stored_and_break_no_view(service: Service) -> None:
    """From 1677 to 2262, as they wrap in 64 bits."""
    for time_ns in (0, 1, 2**63 - 1, 2**63, 2**64 - 1):
        message = {
            "name": "agentsight.message",
            "time_unix_nano": time_ns,
            "attributes": [attribute("agentsight.message.sender", "end_user")],
        }
        made = request(
            start_time_unix_nano=time_ns,
            end_time_unix_nano=1,
            attributes=[
                attribute("gen_ai.conversation.id", f"odd {time_ns}"),
                attribute("agentsight.span.kind", "turn"),
            ],
            events=[message],
        )
        assert service.post(made.SerializeToString()) == 200
        assert stored(service, "ConversationId", made) == (f"odd {time_ns}",)
    assert_views_answer(service)


@pytest.mark.parametrize(("trace_id", "span_id"), [(b"", b""), (bytes(16), bytes(8)), (b"", b"12345678")])
def test_empty_ids_are_stored_and_count_nowhere(service: Service, trace_id: bytes, span_id: bytes) -> None:
    made = request(
        trace_id=trace_id,
        span_id=span_id,
        attributes=[attribute("gen_ai.conversation.id", "nobody's"), attribute("agentsight.span.kind", "button")],
    )
    assert service.post(made.SerializeToString()) == 200
    assert stored(service, "ConversationId, IsCounted", made) == ("nobody's", False)


def test_ids_of_a_wrong_length_are_refused(service: Service) -> None:
    assert service.post(request(trace_id=b"short").SerializeToString()) == 400
    assert service.post(request(span_id=b"much too long").SerializeToString()) == 400
