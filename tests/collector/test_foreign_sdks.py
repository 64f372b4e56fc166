"""Spans of other products' own SDKs, through the collector, count rightly in the views and never twice.

Each SDK has the same conversation with a local stand-in for its model: an answer after the tool find_order, one after
contact_human, which fails, and a turn in which the model is out of order.
"""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.clickhouse import url as clickhouse_url
from agentsight_otel.local import EmbeddedClickHouse
from agentsight_otel.metrics import METRICS, Metrics, Window
from tests.collector.building import CONFIGS
from tests.collector.conftest import clickhouse_environment
from tests.collector.foreign.sdks import AGENTSIGHT, OTHERS, Sdk
from tests.collector.running import Collector
from tests.collector.waiting import until
from tests.fake_openai import FakeOpenAI, fake_openai

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="the newest of these SDKs want Python 3.11")

SENDERS = ["end_user", "agent", "end_user", "agent", "end_user"]
TOOLS = [("find_order", 0), ("contact_human", 1)]
"""The tools, in order, and whether they failed."""
MODEL_CALLS = 5
COUNTING = ["metric_total_messages", "metric_total_conversations", "metric_tool_usage", "metric_agent_response_time"]
SOON = ["--set=exporters.clickhouse.sending_queue.batch.flush_timeout=100ms"]
"""An argument of the collector's, for tests that would only wait."""


@dataclass
class Pipeline:
    """A collector in front of a database; the runs share them, and each adds what it sends.

    Attributes:
        collector: It runs.
        url: The database's.
        model: What the agents ask.
        conversations: All that were sent.
    """

    collector: Collector
    url: str
    model: FakeOpenAI
    conversations: set[str] = field(default_factory=set)

    def run(self, sdk: Sdk) -> None:
        """Runs it; what it sent is in the views then."""
        command, folder = sdk.command()
        accepted, asked = self._accepted(), len(self.model.requests)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "OPENAI_BASE_URL": self.model.base_url,
            "OPENAI_API_KEY": "none",
            "GOOGLE_GEMINI_BASE_URL": self.model.base_url.removesuffix("/v1"),
            "GOOGLE_API_KEY": "none",
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.collector.http,
            "OTEL_SERVICE_NAME": sdk.script,
        }
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(self.model.requests) - asked == MODEL_CALLS
        until(lambda: self._accepted() > accepted, 60, "spans at the collector")
        self.collector.wait_sent(self._accepted())
        with clickhouse_client.connect(self.url) as client:
            client.command("SYSTEM REFRESH VIEW derivation_due_mv")
            client.command("SYSTEM WAIT VIEW derivation_due_mv")

    def rows(self, sql: str, **parameters: str) -> list[tuple[Any, ...]]:
        """What the database answers."""
        with clickhouse_client.connect(self.url) as client:
            return [tuple(row) for row in client.query(sql, parameters=parameters).result_rows]

    def metrics(self, sdk: Sdk, wanted: Iterable[str] = METRICS) -> dict[str, list[dict[str, Any]]]:
        """Metrics of its conversations alone."""
        now = datetime.now(timezone.utc)
        window = Window(now - timedelta(days=1), now + timedelta(hours=1), filters={"service": [sdk.service]})
        with Metrics(self.url) as client:
            return {view: list(client.metric(view, window).rows()) for view in wanted}

    def assert_nothing_else_counts(self) -> None:
        """There are no conversations but those that were sent."""
        assert {id for (id,) in self.rows("SELECT conversation_id FROM conversations_v")} == self.conversations

    def _accepted(self) -> int:
        return int(self.collector.metrics().get("otelcol_receiver_accepted_spans", 0))


@pytest.fixture(scope="module")
def pipeline(
    otelcol: Path, clickhouse_server: EmbeddedClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pipeline]:
    url = clickhouse_server.url(f"test_{secrets.token_hex(6)}")
    schema.apply(url)
    environment = clickhouse_environment(clickhouse_server, url)
    home = tmp_path_factory.mktemp("collector")
    with Collector(otelcol, [CONFIGS / "local.yaml"], environment, home, SOON) as collector, fake_openai() as model:
        yield Pipeline(collector, url, model)
    with clickhouse_client.connect(url, database="default") as client:
        client.command(f"DROP DATABASE {clickhouse_url.parse(url).database} SYNC")


def assert_three_turns(pipeline: Pipeline, sdk: Sdk, derived: bool) -> None:
    """Three questions, two answers, two calls of tools, in order and each once."""
    said = pipeline.rows(
        "SELECT sender FROM messages_v WHERE conversation_id = {id:String} ORDER BY timestamp", id=sdk.conversation
    )
    assert [sender for (sender,) in said] == SENDERS
    called = pipeline.rows(
        "SELECT conversation_id, tool, error FROM tool_calls_v WHERE service = {service:String} ORDER BY timestamp",
        service=sdk.service,
    )
    assert called == [(sdk.conversation, *tool) for tool in TOOLS]
    assert pipeline.rows(
        "SELECT service, customer_id, user_messages, agent_messages, messages_derived, model_calls"
        " FROM conversations_v WHERE conversation_id = {id:String}",
        id=sdk.conversation,
    ) == [(sdk.service, sdk.customer, 3, 2, derived, sdk.model_calls)]


@pytest.mark.parametrize("sdk", OTHERS, ids=lambda sdk: sdk.script)
def test_three_turns_count_once(pipeline: Pipeline, sdk: Sdk) -> None:
    pipeline.run(sdk)
    if sdk.conversation:
        pipeline.conversations.add(sdk.conversation)
        assert_three_turns(pipeline, sdk, derived=True)
    pipeline.assert_nothing_else_counts()
    found = pipeline.metrics(sdk, COUNTING)
    tools = {row["tool"]: (row["calls"], row["errors"]) for row in found["metric_tool_usage"]}
    (response_time,) = found["metric_agent_response_time"]
    if sdk.conversation:
        assert found["metric_total_messages"] == [{"messages": 5, "user_messages": 3, "agent_messages": 2}]
        assert found["metric_total_conversations"] == [{"conversations": 1}]
        assert tools == {"find_order": (1, 0), "contact_human": (1, 1)}
        assert (response_time["responses"], response_time["unanswered"]) == (2, 1)
    else:
        assert found["metric_total_messages"] == [{"messages": 0, "user_messages": 0, "agent_messages": 0}]
        assert found["metric_total_conversations"] == [{"conversations": 0}]
        assert tools == {}
        assert (response_time["responses"], response_time["unanswered"]) == (0, 0)


def test_the_official_agentsight_sdk(pipeline: Pipeline) -> None:
    pipeline.run(AGENTSIGHT)
    pipeline.conversations |= {"official", "visit-only"}
    assert_three_turns(pipeline, AGENTSIGHT, derived=False)
    pipeline.assert_nothing_else_counts()
    assert pipeline.rows(
        "SELECT conversation_id, environment, device, source, language, customer_id, messages FROM conversations_v"
        " WHERE service = {service:String} ORDER BY 1",
        service=AGENTSIGHT.service,
    ) == [
        ("official", "production", "mobile", "web", "en", "customer-1", 5),
        ("visit-only", "production", "mobile", "web", "unknown", "", 0),
    ]
    found = pipeline.metrics(AGENTSIGHT)
    assert found["metric_total_messages"] == [{"messages": 5, "user_messages": 3, "agent_messages": 2}]
    assert found["metric_total_conversations"] == [{"conversations": 1}]
    (response_time,) = found["metric_agent_response_time"]
    assert (response_time["responses"], response_time["unanswered"]) == (2, 1)
    assert sum(row["messages"] for row in found["metric_peak_hours"]) == 5
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
