"""SDK to ClickHouse directly: what was recorded is in the views, also when ClickHouse comes late or goes away."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

import agentsight_otel as agentsight
from agentsight_otel._export.clickhouse import ClickHouseSpanExporter
from agentsight_otel._export.rows import COLUMNS
from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.clickhouse import url as clickhouse_url
from agentsight_otel.local import EmbeddedClickHouse


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    token = otel_context.attach(otel_context.Context())
    yield
    agentsight.shutdown()
    otel_context.detach(token)


def query(url: str, sql: str) -> list[tuple[Any, ...]]:
    with clickhouse_client.connect(url) as client:
        return [tuple(row) for row in client.query(sql).result_rows]


def converse(conversation_id: str = "c1") -> None:
    agentsight.get_or_create_conversation(conversation_id, customer_id="u1", device="mobile", country="GR")
    with agentsight.turn(agent="bot"):
        agentsight.user_message("hi")
        with agentsight.tool("search"):
            pass
        agentsight.agent_message("hello")


def test_a_conversation_arrives_whole(schema_url: str) -> None:
    agentsight.init(clickhouse_url=schema_url, service_name="agent", environment="production", set_global=False)
    converse()
    assert agentsight.flush()
    assert query(
        schema_url,
        "SELECT conversation_id, service, environment, device, country, customer_id, messages FROM conversations_v",
    ) == [("c1", "agent", "production", "mobile", "GR", "u1", 2)]
    assert query(schema_url, "SELECT sender, content FROM messages_v ORDER BY timestamp") == [
        ("end_user", "hi"),
        ("agent", "hello"),
    ]
    assert query(schema_url, "SELECT tool, service FROM tool_calls_v") == [("search", "agent")]
    trace_ids = query(
        schema_url,
        "SELECT DISTINCT TraceId = lower(hex(substring(SHA256(ConversationId), 1, 16))) FROM otel_traces",
    )
    assert trace_ids == [(True,)]


def test_the_stored_row_is_the_hand_made_one(schema_url: str) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(ClickHouseSpanExporter(schema_url)))
    span = provider.get_tracer("scope", "1").start_span(
        "chat",
        kind=trace.SpanKind.CLIENT,
        attributes={"f": 2.0, "b": True, "a": ["x", 'y"'], "i": 3},
        start_time=1_700_000_000_123_456_789,
    )
    span.add_event("e", {"k": 1e21}, 1_700_000_000_123_456_790)
    span.end(1_700_000_001_123_456_789)
    columns = ", ".join(f"`{name}`" for name in COLUMNS if name not in ("Timestamp", "ResourceAttributes"))
    (row,) = query(schema_url, f"SELECT {columns}, toUnixTimestamp64Nano(Timestamp) FROM otel_traces")
    context = span.get_span_context()
    assert row[:10] == (
        f"{context.trace_id:032x}",
        f"{context.span_id:016x}",
        "",
        "",
        "chat",
        "Client",
        span.resource.attributes["service.name"],
        "scope",
        "1",
        {"a": '["x","y\\""]', "b": "true", "f": "2", "i": "3"},
    )
    assert row[10:13] == (1_000_000_000, "Unset", "")
    assert (row[14], row[15], row[-1]) == (["e"], [{"k": "1e+21"}], 1_700_000_000_123_456_789)


def test_spans_wait_for_a_schema_that_comes_later(empty_url: str) -> None:
    with clickhouse_client.connect(empty_url, database="default") as client:
        client.command(f"CREATE DATABASE {clickhouse_url.parse(empty_url).database}")
    agentsight.init(clickhouse_url=empty_url, set_global=False)
    converse()
    assert agentsight.flush(timeout_s=1) is False
    schema.apply(empty_url)
    assert agentsight.flush()
    assert query(empty_url, "SELECT count() FROM conversations_v") == [(1,)]


def test_the_exporter_says_clearly_what_is_wrong(empty_url: str, schema_url: str) -> None:
    span = TracerProvider(shutdown_on_exit=False).get_tracer("t").start_span("x")
    span.end()
    wrong = clickhouse_url.parse(schema_url)
    for url, said in [
        ("http://admin:pw@127.0.0.1:1/x", "no ClickHouse answers at http://admin:\\*\\*\\*@127.0.0.1:1/x"),
        (schema_url.replace(wrong.password, "wrong"), "refuses user 'admin' or its password"),
        (empty_url + "_none", "has no database"),
    ]:
        with pytest.raises(clickhouse_client.ClickHouseConnectionError, match=said):
            ClickHouseSpanExporter(url).export([span])  # type: ignore[list-item]
    with clickhouse_client.connect(schema_url) as client:
        client.command("DROP TABLE otel_traces SYNC")
    with pytest.raises(clickhouse_client.ClickHouseConnectionError, match="has no table otel_traces; run: agentsight"):
        ClickHouseSpanExporter(schema_url).export([span])  # type: ignore[list-item]


def test_nothing_is_lost_and_nothing_counts_twice_when_clickhouse_is_killed(tmp_path: Path) -> None:
    server = EmbeddedClickHouse(tmp_path).start()
    url, port = server.url(), server.http_port
    schema.apply(url)
    agentsight.init(clickhouse_url=url, set_global=False, schedule_delay_s=0.01, export_timeout_s=5)
    converse("before")
    assert agentsight.flush()
    assert server._process is not None
    server._process.kill()
    server.stop()
    converse("while away")
    assert agentsight.flush(timeout_s=0.5) is False
    with EmbeddedClickHouse(tmp_path, http_port=port):
        assert agentsight.flush(timeout_s=60)
        assert query(url, "SELECT conversation_id, messages FROM conversations_v ORDER BY 1") == [
            ("before", 2),
            ("while away", 2),
        ]
        agentsight.shutdown()


def test_nothing_is_imported_in_the_background(schema_url: str) -> None:
    """A process forked amid an import waits for that module for ever."""
    program = f"""
import sys
import agentsight_otel as agentsight
agentsight.init(clickhouse_url={schema_url!r}, set_global=False)
before = set(sys.modules)
with agentsight.conversation("c1"), agentsight.turn():
    agentsight.user_message("hi")
assert agentsight.flush()
assert set(sys.modules) == before, set(sys.modules) - before
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_a_clickhouse_url_without_the_extra_is_said_with_the_remedy() -> None:
    program = """
import sys
sys.modules["clickhouse_connect"] = None
import agentsight_otel as agentsight
agentsight.init(clickhouse_url="http://127.0.0.1:9/agentsight", set_global=False)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert "pip install 'agentsight-otel[clickhouse]'" in ended.stderr
