"""The collector runs on its defaults, and reaches ClickHouse."""

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

import agentsight_otel as agentsight
from agentsight_otel.clickhouse import client as clickhouse_client
from tests.collector.conftest import StartCollector


def test_a_conversation_goes_through(
    start_collector: StartCollector, clickhouse_env: dict[str, str], schema_url: str
) -> None:
    collector = start_collector("local.yaml", environment=clickhouse_env)
    agentsight.init(
        service_name="agent",
        set_global=False,
        span_exporter=OTLPSpanExporter(endpoint=f"{collector.http}/v1/traces"),
    )
    with agentsight.conversation("c1"), agentsight.turn(agent="bot"):
        agentsight.user_message("hi")
        agentsight.agent_message("hello")
    assert agentsight.shutdown()
    collector.wait_sent(1)
    with clickhouse_client.connect(schema_url) as client:
        assert client.query("SELECT conversation_id, messages FROM conversations_v").result_rows == [("c1", 2)]
    assert collector.stop() == 0
