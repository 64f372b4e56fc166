"""The alerts are rules that Prometheus reads, about metrics that the collector has, and these say what happens."""

import re

import requests
import yaml
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from tests.collector.building import CONFIGS
from tests.collector.conftest import StartCollector
from tests.collector.parsers import parsed
from tests.collector.running import Collector, free_ports
from tests.collector.spans import span
from tests.collector.waiting import until

ALERTS = CONFIGS / "alerts.yaml"
RULES = {rule["alert"]: rule for rule in yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]}


def test_prometheus_reads_the_rules() -> None:
    parsed("rules", ALERTS)
    assert list(RULES) == [
        "AgentsightCollectorDown",
        "AgentsightNothingStored",
        "AgentsightQueueFilling",
        "AgentsightSpansRefused",
        "AgentsightSpansLost",
    ]
    assert all(rule["labels"]["severity"] and rule["annotations"]["description"] for rule in RULES.values())


def test_no_alert_fires_for_ever_where_there_is_no_collector() -> None:
    for name, rule in RULES.items():
        assert "absent(" not in rule["expr"], name
    # What is there no more is remembered for an hour.
    assert re.search(r"last_over_time\(up\{[^}]*\}\[1h\]\)", RULES["AgentsightCollectorDown"]["expr"])


def send(collector: Collector, number: int) -> int:
    return requests.post(
        f"{collector.http}/v1/traces",
        data=encode_spans([span(number)]).SerializeToString(),
        headers={"Content-Type": "application/x-protobuf"},
        timeout=30,
    ).status_code


def test_the_metrics_are_there_and_move_with_what_they_warn_of(
    start_collector: StartCollector, clickhouse_env: dict[str, str]
) -> None:
    named = set(re.findall(r"otelcol_\w+", ALERTS.read_text()))

    storing = start_collector("local.yaml", environment=clickhouse_env)
    assert send(storing, 1) == 200
    storing.wait_sent(1)
    seen = storing.metrics()

    nowhere = {"AGENTSIGHT_CLICKHOUSE_ENDPOINT": f"tcp://127.0.0.1:{free_ports(1)[0]}"}
    small_batch = "--set=exporters.clickhouse.sending_queue.batch.min_size=1"
    full = start_collector(
        "local.yaml", environment={**nowhere, "AGENTSIGHT_QUEUE_SPANS": "3"}, arguments=[small_batch]
    )
    statuses = [send(full, number) for number in range(1, 9)]
    assert statuses == [200, 200, 200, 503, 503, 503, 503, 503]
    filled = full.metrics()
    assert filled["otelcol_exporter_queue_size"] / filled["otelcol_exporter_queue_capacity"] > 0.5
    assert filled["otelcol_receiver_refused_spans"] == filled["otelcol_exporter_enqueue_failed_spans"] == 5
    assert filled.get("otelcol_exporter_sent_spans", 0) == filled.get("otelcol_exporter_send_failed_spans", 0) == 0

    giving_up = start_collector(
        "local.yaml",
        environment=nowhere,
        arguments=[small_batch, "--set=exporters.clickhouse.retry_on_failure.enabled=false"],
    )
    assert send(giving_up, 1) == 200
    until(lambda: giving_up.metrics().get("otelcol_exporter_send_failed_spans") == 1, what="a span given up")
    assert named <= {*seen, *filled, *giving_up.metrics()}
