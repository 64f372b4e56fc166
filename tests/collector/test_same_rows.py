"""Spans that go through the collector are stored as those that the SDK writes straight into ClickHouse."""

import math
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

import agentsight_otel as agentsight
from agentsight_otel._export.clickhouse import ClickHouseSpanExporter
from agentsight_otel._export.rows import COLUMNS
from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.local import EmbeddedClickHouse, demo
from agentsight_otel.metrics import Window, fetch
from agentsight_otel.replay import play, read
from agentsight_otel.replay.schedule import beginning_ns
from tests.collector.conftest import StartCollector, clickhouse_environment
from tests.collector.spans import START_NS, span
from tests.collector.waiting import until

TRANSCRIPTS = Path(__file__).resolve().parents[1] / "e2e" / "transcripts.jsonl"
HOSTILE: dict[str, Any] = {
    "empty": "",
    "unicode": "Ελληνικά 🏳️‍🌈 \u0000 \u200f\u2028\u2029 é e\u0301",
    "controls": "\t\r\n\x00\x01\x1f\x7f\x80\x9f\ufeff\ufffd",
    "quotes": "\"'`\\{}[]$%,;<é>&",
    "astral array": ["🏳️‍🌈", "\u2028", "\x00", '"', "\\", "<&>", "\x7f", "\x1f"],
    "huge": "x" * 1_000_000,
    "huge array": ["y" * 1_000] * 1_000,
    "true": True,
    "int": 1,
    "largest int": 2**63 - 1,
    "smallest int": -(2**63),
    "zero": 0.0,
    "minus zero": -0.0,
    "whole float": 2.0,
    "large whole float": 1e20,
    "exponent": 1e21,
    "small": 1e-6,
    "smaller": 1e-7,
    "largest float": 1.7976931348623157e308,
    "smallest float": 5e-324,
    "third": 1 / 3,
    "precise": 123456789.12345679,
    "nan": math.nan,
    "infinity": math.inf,
    "minus infinity": -math.inf,
    "bools": [True, False],
    "ints": [1, -(2**63)],
    "floats": [1.5, 2.0, 1e21, 1e-7, 0.1],
    "odd floats": [1.0, math.nan, math.inf],
    "no items": [],
    "bytes": b"\x00\xff\xfe",
    "map": {"b": [1, {"c": None, "a": "<&\u2028>"}], "a": 2.5, "": b"\x00"},
    "nothing": None,
    "mixed": ["a", 1, 1.5, True, None, b"\xff", {"k": "v"}, ["nested"]],
    "": "no key",
    "ключ 'quoted' \"key\" \\": "odd key",
    "many.dots..": "x",
    "agentsight.conversation.metadata": '{"a": "\\u2028"}',
}


def hostile_spans() -> list[ReadableSpan]:
    texts = {"name": "ναι\x00\u2028🏳️‍🌈", "": "", "list": ["\u2028", 1e21]}
    return [
        span(1, attributes=HOSTILE),
        span(2, resource=Resource(HOSTILE), attributes={}),
        span(3, resource=Resource({"service.name": 42})),
        span(4, resource=Resource({"service.name": ""})),
        span(5, resource=Resource({})),
        span(6, name="", instrumentation_scope=None),
        span(7, name="ναι\x00\u2028🏳️‍🌈", instrumentation_scope=InstrumentationScope("ό\x00", None)),
        span(8, end_time=START_NS - 5),
        span(9, end_time=START_NS + 9),
        span(10, start_time=0, end_time=0),
        span(11, start_time=1, end_time=2**63 - 1),
        span(12, context=SpanContext(0, 0, False)),
        span(13, parent=SpanContext(0xABC, 1, True)),
        span(
            14,
            context=SpanContext(0xABC, 14, False, TraceFlags(0), TraceState([("k", "v"), ("vendor@x", "a b;c")])),
        ),
        span(
            15,
            events=[
                Event("agentsight.message", {"agentsight.message.content": "γεια"}, START_NS),
                Event("", {}, 0),
                Event("same time", HOSTILE, START_NS),
                Event("before the span", None, START_NS - 10**9),
            ],
        ),
        span(
            16,
            links=[
                Link(SpanContext(1, 2, True, TraceFlags(1), TraceState([("a", "b")])), texts),
                Link(SpanContext(2**128 - 1, 2**64 - 1, False)),
            ],
        ),
        *(span(20 + index, kind=kind) for index, kind in enumerate(SpanKind)),
        span(30, status=Status(StatusCode.OK)),
        span(31, status=Status(StatusCode.ERROR)),
        span(32, status=Status(StatusCode.ERROR, "it said: \x00\u2028🏳️‍🌈 " + "z" * 100_000)),
        *(span(100 + number, attributes={f"k{number}": "v" * number}) for number in range(200)),
    ]


@pytest.fixture
def urls(schema_url: str) -> dict[str, str]:
    """A database for each way: ``direct``, ``grpc``, ``http``."""
    found = {"direct": schema_url, "grpc": f"{schema_url}_grpc", "http": f"{schema_url}_http"}
    for way in ("grpc", "http"):
        schema.apply(found[way])
    return found


@pytest.fixture
def endpoints(
    clickhouse_server: EmbeddedClickHouse, urls: dict[str, str], start_collector: StartCollector
) -> dict[str, str]:
    """OTLP endpoints of the collectors that write into the databases ``grpc`` and ``http``."""
    grpc = start_collector("local.yaml", environment=clickhouse_environment(clickhouse_server, urls["grpc"]))
    http = start_collector("local.yaml", environment=clickhouse_environment(clickhouse_server, urls["http"]))
    return {"grpc": f"http://{grpc.grpc}", "http": http.http}


def stored(url: str) -> list[dict[str, Any]]:
    columns = ", ".join(
        f"toUnixTimestamp64Nano(Timestamp) AS {name}"
        if name == "Timestamp"
        else f"arrayMap(at -> toUnixTimestamp64Nano(at), `{name}`) AS `{name}`"
        if name == "Events.Timestamp"
        # Maps as arrays of pairs: a dict would hide the order, and a key that is there twice.
        else f"CAST(`{name}`, 'Array(Tuple(String, String))') AS `{name}`"
        if name.endswith("Attributes") and "." not in name
        else f"arrayMap(one -> CAST(one, 'Array(Tuple(String, String))'), `{name}`) AS `{name}`"
        if name.endswith("Attributes")
        else f"`{name}`"
        for name in COLUMNS
    )
    with clickhouse_client.connect(url) as client:
        rows = client.query(f"SELECT {columns} FROM otel_traces ORDER BY TraceId, SpanId").result_rows
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def count(url: str) -> int:
    with clickhouse_client.connect(url) as client:
        return int(client.query("SELECT count() FROM otel_traces").first_row[0])


def assert_same_rows(urls: dict[str, str]) -> None:
    direct = stored(urls["direct"])
    for row in direct:
        # OpenTelemetry's OTLP encoder for Python leaves a link's trace state out.
        row["Links.TraceState"] = [""] * len(row["Links.TraceState"])
    for way in ("grpc", "http"):
        until(lambda way=way: count(urls[way]) >= len(direct), what=f"{len(direct)} spans by {way}")
        rows = stored(urls[way])
        assert [row["SpanId"] for row in rows] == [row["SpanId"] for row in direct]
        differences = [
            (one["SpanId"], column, one[column], other[column])
            for one, other in zip(direct, rows, strict=True)
            for column in COLUMNS
            if one[column] != other[column]
        ]
        assert differences == [], way


def test_hostile_values_are_the_same_in_every_column(urls: dict[str, str], endpoints: dict[str, str]) -> None:
    spans = hostile_spans()
    for exporter in (
        ClickHouseSpanExporter(urls["direct"]),
        GrpcExporter(endpoint=endpoints["grpc"], insecure=True, timeout=60),
        HttpExporter(endpoint=f"{endpoints['http']}/v1/traces", timeout=60),
    ):
        assert exporter.export(spans) is SpanExportResult.SUCCESS
        exporter.shutdown()
    assert count(urls["direct"]) == len(spans)
    assert_same_rows(urls)


def test_conversations_are_the_same_in_every_row_and_metric(
    urls: dict[str, str], endpoints: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(timezone.utc)
    # Those without a time of their own would be given another one at each playing.
    timed = [one for one in read(TRANSCRIPTS.read_text().splitlines()).transcripts if beginning_ns(one) is not None]
    recorded = [*timed, *demo.transcripts(now)[-80:]]
    play(recorded, urls["direct"], service_name="agent", environment="production")

    direct_init = agentsight.init

    def init_by_otlp(*, clickhouse_url: str, **settings: Any) -> None:
        direct_init(**settings)

    monkeypatch.setattr(agentsight, "init", init_by_otlp)
    for way, protocol in (("grpc", "grpc"), ("http", "http/protobuf")):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoints[way])
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        play(recorded, urls[way], service_name="agent", environment="production")
    assert_same_rows(urls)

    for filters in ({}, {"device": ["mobile"], "country": ["unknown"]}):
        window = Window(now - timedelta(days=30), now, "Europe/Athens", filters)
        reports = {way: fetch(url, window).as_json() for way, url in urls.items()}
        assert reports["direct"]["metrics"]["metric_total_conversations"] != [{"conversations": 0}]
        assert reports["grpc"] == reports["direct"]
        assert reports["http"] == reports["direct"]
