"""The collector runs on its defaults, and reaches ClickHouse."""

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

import agentsight_otel as agentsight
from agentsight_otel import clickhouse_client
from tests.collector.conftest import StartCollector
from tests.collector.waiting import until


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
    with clickhouse_client.connect(schema_url) as client:
        until(lambda: client.query("SELECT count() FROM otel_traces").first_row[0] == 1)
    until(lambda: collector.metrics().get("otelcol_exporter_sent_spans") == 1)
    assert collector.stop() == 0
