"""Redaction and removal of content in the collector: what must go is gone everywhere, what counts stays."""

from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import Status, StatusCode

from agentsight_otel._export import content
from agentsight_otel.clickhouse import client as clickhouse_client
from tests.collector.conftest import StartCollector
from tests.collector.spans import START_NS, span
from tests.redaction_examples import CHECKED, KEPT, REPLACED

EXPECTED = {**REPLACED, **{text: text for text in KEPT}, **CHECKED}
CARD = 4111111111111111
IDS = {
    "gen_ai.conversation.id": "+30 210 123 4567",
    "user.id": "maria@example.com",
    "session.id": "DE89370400440532013000",
    "agentsight.conversation.id": "+30 210 123 4567",
    "agentsight.conversation.customer_id": "maria@example.com",
    "traceloop.association.properties.session_id": "4111 1111 1111 1111",
    "traceloop.association.properties.user_id": "maria@example.com",
    "traceloop.association.properties.customer_id": "maria@example.com",
}


def rows(url: str) -> list[tuple[Any, ...]]:
    with clickhouse_client.connect(url) as client:
        return [
            tuple(row)
            for row in client.query(
                "SELECT SpanAttributes, Events.Attributes, StatusMessage, SpanName FROM otel_traces ORDER BY SpanId"
            ).result_rows
        ]


def test_what_is_secret_or_personal_is_replaced_wherever_it_stands(
    start_collector: StartCollector, clickhouse_env: dict[str, str], schema_url: str
) -> None:
    collector = start_collector("local.yaml", "optional/redaction.yaml", environment=clickhouse_env)
    texts = list(EXPECTED)
    values = {f"k{number:02}": text for number, text in enumerate(texts)}
    spans = [
        span(1, attributes={**values, **IDS, "list": texts[:2], "number": 4, "flag": True}),
        span(2, events=[Event("agentsight.message", {**values, "list": texts[:2]}, START_NS)]),
        span(
            2_000,
            attributes={"maria@example.com": CARD, "json": f'{{"card": {CARD}}}'},
            events=[Event("maria@example.com", {"maria@example.com": "x"}, START_NS)],
            resource=Resource({"service.name": "shop", "process.command": "maria@example.com"}),
        ),
        *(span(3 + number, name=text, status=Status(StatusCode.ERROR, text)) for number, text in enumerate(texts)),
    ]
    exporter = OTLPSpanExporter(endpoint=f"{collector.http}/v1/traces", timeout=60)
    assert exporter.export(spans) is SpanExportResult.SUCCESS
    collector.wait_sent(len(spans))
    *stored, named = rows(schema_url)
    assert named[0] == {"[email]": "[card]", "json": '{"card": [card]}'} and named[1] == [{"[email]": "x"}]
    with clickhouse_client.connect(schema_url) as client:
        (last,) = client.query(
            "SELECT Events.Name, ResourceAttributes FROM otel_traces ORDER BY SpanId DESC LIMIT 1"
        ).result_rows
    assert last == (["[email]"], {"service.name": "shop", "process.command": "[email]"})
    expected = {f"k{number:02}": text for number, text in enumerate(EXPECTED.values())}
    both = f'["{EXPECTED[texts[0]]}","{EXPECTED[texts[1]]}"]'
    assert stored[0][0] == {**expected, **IDS, "list": both, "number": "4", "flag": "true"}
    assert stored[1][1] == [{**expected, "list": both}]
    assert [row[2] for row in stored[2:]] == list(EXPECTED.values())
    assert [row[3] for row in stored[2:]] == list(EXPECTED.values())


def test_content_goes_and_what_is_counted_stays(
    start_collector: StartCollector, clickhouse_env: dict[str, str], schema_url: str
) -> None:
    collector = start_collector("local.yaml", "optional/no-content.yaml", environment=clickhouse_env)
    kept = {
        "gen_ai.conversation.id": "c",
        "agentsight.span.kind": "tool",
        "gen_ai.tool.name": "find",
        "gen_ai.tool.call.id": "1",
        "gen_ai.usage.input_tokens": 11,
        "agentsight.attachment.count": 2,
        "openinference.span.kind": "TOOL",
        "tool.name": "find",
        "llm.model_name": "m",
        "input.mime_type": "text/plain",
        "agentsight.feedback.sentiment": "positive",
    }
    said = [
        f"{key[:-1]}.0.x" if key.endswith("*") else key
        for keys in content.KEYS.values()
        for key in keys
        if key != content.SPAN_STATUS
    ]
    message = {"agentsight.message.sender": "end_user"}
    words = {"agentsight.message.content": "hi", "agentsight.message.metadata": "{}"}
    failure = {"exception.type": "ValueError"}
    spans = [
        span(
            1,
            attributes={**kept, **dict.fromkeys(said, "content")},
            events=[
                Event("agentsight.message", {**message, **words}, START_NS),
                Event("exception", {**failure, "exception.message": "m", "exception.stacktrace": "s"}, START_NS),
                Event("gen_ai.user.message", {"role": "user", "content": "hi", "parts": "hi"}, START_NS),
            ],
            status=Status(StatusCode.ERROR, "content"),
        )
    ]
    exporter = OTLPSpanExporter(endpoint=f"{collector.http}/v1/traces", timeout=60)
    assert exporter.export(spans) is SpanExportResult.SUCCESS
    collector.wait_sent(1)
    assert rows(schema_url) == [
        ({key: str(value) for key, value in kept.items()}, [message, failure, {"role": "user"}], "", "span 1")
    ]
    with clickhouse_client.connect(schema_url) as client:
        assert client.query("SELECT user_messages FROM conversations_v").result_rows == [(1,)]
        assert client.query("SELECT tool, error FROM tool_calls_v").result_rows == [("find", 1)]
