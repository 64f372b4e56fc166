"""Spans of other products' own SDKs, through the collector, count rightly in the views and never twice."""

import os
import subprocess
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.metrics import Window, fetch
from tests.collector.conftest import StartCollector
from tests.collector.foreign.environments import python_with
from tests.collector.foreign.fake_openai import fake_openai

SCRIPTS = Path(__file__).parent / "foreign"
OPENAI = "openai==3.57.0"
OTLP = "opentelemetry-exporter-otlp-proto-http==1.45.2"
LANGCHAIN = "langchain-core==1.8.3"


def run(script: str, requirements: Sequence[str], collector: str) -> None:
    with fake_openai() as base_url:
        done = subprocess.run(
            [python_with(requirements), SCRIPTS / script],
            env={
                "PATH": os.environ["PATH"],
                "HOME": os.environ.get("HOME", "/"),
                "OPENAI_BASE_URL": base_url,
                "OPENAI_API_KEY": "none",
                "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
                "OTEL_SERVICE_NAME": script,
            },
            capture_output=True,
            text=True,
            timeout=180,
        )
    assert done.returncode == 0, done.stdout + done.stderr


def rows(url: str, sql: str) -> list[tuple[Any, ...]]:
    with clickhouse_client.connect(url) as client:
        return [tuple(row) for row in client.query(sql).result_rows]


def metrics(url: str) -> dict[str, list[dict[str, Any]]]:
    now = datetime.now(timezone.utc)
    return fetch(url, Window(now - timedelta(days=1), now + timedelta(hours=1))).metrics


def test_the_official_agentsight_sdk(
    start_collector: StartCollector, clickhouse_env: dict[str, str], schema_url: str
) -> None:
    collector = start_collector("local.yaml", environment=clickhouse_env)
    run("agentsight_sdk.py", ["agentsight==0.1.4", OPENAI, OTLP], collector.http)
    collector.wait_sent(8)
    assert rows(
        schema_url,
        "SELECT conversation_id, environment, device, source, language, customer_id, messages FROM conversations_v"
        " ORDER BY 1",
    ) == [
        ("official", "production", "mobile", "web", "en", "customer-7", 4),
        ("visit-only", "production", "mobile", "web", "unknown", "", 0),
    ]
    found = metrics(schema_url)
    assert found["metric_total_messages"] == [{"messages": 4, "user_messages": 2, "agent_messages": 2}]
    assert found["metric_total_conversations"] == [{"conversations": 1}]
    (response_time,) = found["metric_agent_response_time"]
    assert (response_time["responses"], response_time["unanswered"]) == (2, 0)
    assert sum(row["messages"] for row in found["metric_peak_hours"]) == 4
    assert sum(row["conversations"] for row in found["metric_daily_overview"]) == 1
    assert found["metric_conversation_duration"][0]["conversations"] == 1
    assert [(row["tool"], row["calls"], row["errors"]) for row in found["metric_tool_usage"]] == [
        ("contact_human", 1, 1),
        ("find_order", 1, 0),
    ]
    assert found["metric_device_usage"] == [{"device": "mobile", "conversations": 1}]
    assert found["metric_source"] == [{"source": "web", "conversations": 1}]
    assert found["metric_language"] == [{"language": "en", "conversations": 1}]
    assert found["metric_individual_users"] == [{"users": 1, "identified_conversations": 1, "conversations": 1}]
    assert found["metric_human_escalation"] == [{"escalated": 1, "conversations": 1, "rate": 1.0}]
    assert found["metric_unique_interaction"] == [{"visits": 2, "engaged": 1, "rate": 0.5}]


def assert_its_tools_and_one_exchange_count(url: str, conversation: str, customer: str, service: str) -> None:
    """Both tools once each, and what the user asked and got, derived; model calls and prompts are no messages."""
    with clickhouse_client.connect(url) as client:
        client.command("SYSTEM REFRESH VIEW derivation_due_mv")
        client.command("SYSTEM WAIT VIEW derivation_due_mv")
    assert rows(url, "SELECT conversation_id, tool, error, service FROM tool_calls_v ORDER BY tool") == [
        (conversation, "find_order", 0, service),
        (conversation, "weather", 0, service),
    ]
    assert rows(url, "SELECT conversation_id, customer_id, messages, messages_derived FROM conversations_v") == [
        (conversation, customer, 2, 1)
    ]
    found = metrics(url)
    assert [(row["tool"], row["calls"], row["errors"]) for row in found["metric_tool_usage"]] == [
        ("find_order", 1, 0),
        ("weather", 1, 0),
    ]
    assert found["metric_total_messages"] == [{"messages": 2, "user_messages": 1, "agent_messages": 1}]
    assert found["metric_total_conversations"] == [{"conversations": 1}]
    assert found["metric_unique_interaction"] == [{"visits": 1, "engaged": 1, "rate": 1.0}]


def test_openllmetry(start_collector: StartCollector, clickhouse_env: dict[str, str], schema_url: str) -> None:
    collector = start_collector("local.yaml", environment=clickhouse_env)
    run("openllmetry.py", ["traceloop-sdk==0.62.4", OPENAI, LANGCHAIN], collector.http)
    collector.wait_sent(5)
    assert_its_tools_and_one_exchange_count(schema_url, "llmetry", "customer-8", "openllmetry-agent")


def test_openinference(start_collector: StartCollector, clickhouse_env: dict[str, str], schema_url: str) -> None:
    collector = start_collector("local.yaml", environment=clickhouse_env)
    requirements = [
        "openinference-instrumentation-openai==0.1.66",
        "openinference-instrumentation-langchain==0.1.80",
        OPENAI,
        LANGCHAIN,
        OTLP,
    ]
    run("openinference_sdk.py", requirements, collector.http)
    collector.wait_sent(4)
    assert_its_tools_and_one_exchange_count(schema_url, "inference", "customer-9", "openinference_sdk.py")
