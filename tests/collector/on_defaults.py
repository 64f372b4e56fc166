"""Starts a collector on its default ports, with nothing but the password set; for a network namespace of its own.

python -m tests.collector.on_defaults CONFIG COLLECTOR FOLDER
"""

import sys
from pathlib import Path

import requests
import urllib3
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.local import EmbeddedClickHouse
from tests.collector.building import CONFIGS
from tests.collector.running import Collector
from tests.collector.spans import span

config, binary, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
scheme = "https" if config == "gateway.yaml" else "http"
urllib3.disable_warnings()


def send(collector: Collector) -> None:
    answer = requests.post(
        f"{scheme}://127.0.0.1:{collector.http_port}/v1/traces",
        data=encode_spans([span(1)]).SerializeToString(),
        headers={"Content-Type": "application/x-protobuf", "Authorization": "Bearer token"},
        verify=False,
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    assert collector.metrics()["otelcol_receiver_accepted_spans"] == 1
    assert (folder / "agentsight-queue").is_dir()


if config == "agent.yaml":
    with Collector(binary, [CONFIGS / config], {}, folder, on_defaults=True) as agent:
        send(agent)
else:
    with EmbeddedClickHouse(folder / "clickhouse", tcp_port=9000) as server:
        schema.apply(server.url())
        # The embedded server's one login has another name than a server's usual one.
        login = {"AGENTSIGHT_CLICKHOUSE_PASSWORD": server.password, "AGENTSIGHT_CLICKHOUSE_USER": server.user}
        with Collector(binary, [CONFIGS / config], login, folder, on_defaults=True) as storing:
            send(storing)
            storing.wait_sent(1)
            with clickhouse_client.connect(server.url()) as client:
                assert client.query("SELECT SpanName FROM otel_traces").result_rows == [("span 1",)]
