"""docs/wire-format.md and its JSON schema hold to semconv.py, to what the SDK sends and to what ClickHouse counts."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import agentsight_otel as agentsight
from agentsight_otel import semconv
from agentsight_otel._export.clickhouse import RowInserter
from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.local.page import first_run
from agentsight_otel.local.receiver.json_spans import parse_json
from agentsight_otel.local.receiver.otlp_rows import request_to_rows
from docs import wire_format
from tests.dashboards.npm import installed

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "wire-format.md").read_text()
SCHEMA = json.loads(wire_format.PAGE.read_text())
KEYS = {value for name, value in vars(semconv).items() if name.isupper() and isinstance(value, str)}


def curl_body() -> str:
    found = re.search(r"-d '(\{.*?\})'\n```", PAGE, re.DOTALL)
    assert found
    return found[1]


def test_the_schema_is_what_semconv_says() -> None:
    assert wire_format.PAGE.read_text() == wire_format.text(), "run python -m docs.wire_format"
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    rules = SCHEMA["properties"]["attributes"]["allOf"]
    assert [rule["if"]["properties"][semconv.SPAN_KIND]["const"] for rule in rules] == list(semconv.SPAN_KINDS)


def names_in(schema: Any) -> set[str]:
    """The keys that a schema describes, and the names that it expects."""
    if isinstance(schema, list):
        return set().union(*map(names_in, schema))
    if not isinstance(schema, dict):
        return set()
    named = {schema["const"]} if "const" in schema else set()
    return named.union(schema.get("properties", {}), *map(names_in, schema.values()))


def test_every_key_of_semconv_is_in_the_schema() -> None:
    keys = {key for key in KEYS if "." in key}
    assert len(keys) > 50
    # Of the Model Context Protocol, and only read: agents do not send it of themselves.
    assert keys - names_in(SCHEMA) == {semconv.MCP_METHOD_NAME}


def test_the_page_says_what_has_an_effect_on_figures() -> None:
    for key in (
        *(semconv.IGNORE, semconv.CONVERSATION_ROBOT, semconv.EXCHANGE, semconv.ERROR_TYPE, semconv.SERVICE_VERSION),
        *(semconv.GEN_AI_AGENT_NAME, semconv.TURN_COMPLETE, semconv.TURN_INCOMPLETE_REASON),
        *(semconv.GEN_AI_RESPONSE_MODEL, semconv.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS),
    ):
        assert f"`{key}`" in PAGE, key


def test_the_page_names_no_key_that_there_is_not() -> None:
    named = set(re.findall(r'[`"]((?:agentsight|gen_ai|user|client|geo|deployment|service|error)\.[a-z_.]+)[`"]', PAGE))
    assert named - KEYS == set()
    assert {*semconv.SPAN_KINDS} <= set(re.findall(r"`(\w+)`", PAGE))


def spans_of(exporter: InMemorySpanExporter) -> list[dict[str, Any]]:
    return [
        {
            "name": span.name,
            "attributes": dict(span.attributes or {}),
            "events": [{"name": event.name, "attributes": dict(event.attributes or {})} for event in span.events],
        }
        for span in exporter.get_finished_spans()
    ]


@pytest.fixture
def recorded() -> Any:
    exporter = InMemorySpanExporter()
    agentsight.shutdown()
    agentsight.init(span_exporter=exporter, service_name="test", set_global=False)
    yield exporter
    agentsight.shutdown()


def test_what_the_sdk_sends_is_what_the_schema_says(recorded: InMemorySpanExporter) -> None:
    agentsight.initialize_conversation("c", customer_id="u", device="Mobile", source="web", language="en")
    agentsight.get_or_create_conversation("c")
    with agentsight.turn(agent="support"):
        agentsight.user_message("?", metadata={"a": 1})
        with agentsight.tool("find_order", arguments={"id": 1}) as tool:
            tool.result({"found": True})
        with agentsight.task("think"):
            pass
        agentsight.button("pressed", "Yes", "y")
        agentsight.agent_message("!")
    agentsight.feedback("positive", comment="good")
    agentsight.end_conversation()
    agentsight.flush()
    spans = spans_of(recorded)
    kinds = {span["attributes"][semconv.SPAN_KIND] for span in spans}
    assert kinds == {*semconv.SPAN_KINDS} - {semconv.KIND_LLM, semconv.KIND_ATTACHMENT}
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for span in spans:
        assert list(validator.iter_errors(span)) == [], span
    wrong = {"name": "feedback", "attributes": {semconv.SPAN_KIND: "feedback", semconv.FEEDBACK_SENTIMENT: "great"}}
    assert len(list(validator.iter_errors(wrong))) == 2  # no conversation, and no such sentiment


def test_the_ten_lines_of_the_first_page_record_a_conversation(
    recorded: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agentsight, "init", lambda: True)
    monkeypatch.setattr(agentsight, "shutdown", lambda: True)
    exec(compile(first_run.PYTHON, "first_run", "exec"), {})
    agentsight.flush()
    said = [event["attributes"] for span in spans_of(recorded) for event in span["events"]]
    assert [each[semconv.MESSAGE_SENDER] for each in said] == [semconv.SENDER_END_USER, semconv.SENDER_AGENT]
    other_sdks = (ROOT / "docs" / "other-sdks.md").read_text()
    for title, call in (
        ("OpenInference", "using_attributes(session_id="),
        ("OpenLLMetry", "Traceloop.set_association_properties({"),
        ("Langfuse", "propagate_attributes(session_id="),
        ("Vercel AI SDK", "experimental_telemetry: { isEnabled: true"),
    ):
        assert call in dict(first_run.OTHERS)[title] and call in other_sdks
    for _, text in first_run.OTHERS:
        assert set(re.findall(r'"(agentsight\.[a-z_.]+|gen_ai\.[a-z_.]+)"', text)) <= KEYS


DRIVER = """
import { trace } from "@opentelemetry/api";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
const exporter = new InMemorySpanExporter();
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
const { answer } = await import("./block.mjs");
await answer("js-1", "Where is it?", async (text) => `${text} Here.`);
const plain = ({ name, attributes, events = [] }) => ({ name, attributes, events: events.map(plain) });
console.log(JSON.stringify(exporter.getFinishedSpans().map(plain)));
"""


def test_the_javascript_sends_what_the_schema_says(tmp_path: Path) -> None:
    packages = installed("wire-format", "@opentelemetry/api@1.9.0", "@opentelemetry/sdk-trace-base@2.2.0")
    (tmp_path / "node_modules").symlink_to(packages / "node_modules")
    (block,) = re.findall(r"```js\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "block.mjs").write_text(block)
    (tmp_path / "driver.mjs").write_text(DRIVER)
    done = subprocess.run(["node", "driver.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120)
    (span,) = json.loads(done.stdout)
    assert list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(span)) == []
    assert span["attributes"] == {semconv.CONVERSATION_ID: "js-1", semconv.SPAN_KIND: semconv.KIND_TURN}
    said = [(event["attributes"][semconv.MESSAGE_SENDER], event["attributes"][semconv.MESSAGE_CONTENT])
        for event in span["events"]]  # fmt: skip
    assert said == [("end_user", "Where is it?"), ("agent", "Where is it? Here.")]


def test_what_curl_sends_is_counted(schema_url: str) -> None:
    rows, rejected = request_to_rows(parse_json(curl_body().encode()))
    assert not rejected
    RowInserter(schema_url).insert(rows)
    with clickhouse_client.connect(schema_url) as client:
        found = client.query(
            "SELECT customer_id, source, messages FROM conversations_v WHERE conversation_id = 'wire-format-1'"
        ).result_rows
        calls = client.query("SELECT tool, duration_s, arguments FROM tool_calls_v").result_rows
    assert found == [("customer-7", "web", 2)]
    assert calls == [("find_order", 0.5, '{"order": 1001}')]
