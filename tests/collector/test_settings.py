"""Every config starts on its defaults, and reads its settings as they are."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import trustme
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SpanExportResult

from agentsight_otel.clickhouse import schema
from agentsight_otel.local import EmbeddedClickHouse
from tests.backends import missing
from tests.collector.building import ROOT
from tests.collector.conftest import StartCollector, clickhouse_environment
from tests.collector.spans import span

BASES = ("local.yaml", "agent.yaml", "gateway.yaml")


@pytest.mark.parametrize("config", BASES)
def test_it_starts_with_nothing_but_the_password_set(config: str, otelcol: Path, tmp_path: Path) -> None:
    """On the default ports, in a network of its own, for others may use them."""
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rn", "true"], capture_output=True).returncode:
        missing("a network namespace", "run on Linux, with util-linux, where `unshare -rn true` works")
    (tmp_path / "tls").mkdir()
    certificate = trustme.CA().issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "tls" / "tls.crt")
    certificate.private_key_pem.write_to_path(tmp_path / "tls" / "tls.key")
    (tmp_path / "token").write_text("token")
    inside = (
        f"ip link set lo up && exec '{sys.executable}' -m tests.collector.on_defaults {config} '{otelcol}' '{tmp_path}'"
    )
    done = subprocess.run(["unshare", "-rn", "sh", "-c", inside], cwd=ROOT, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr


# One that YAML would take for a number, and one with all that means something to a URL, a shell, YAML or the collector.
@pytest.mark.parametrize("password", ["0123", "p@ss:w/rd %20#?&'\"\\{a}: $b ${env:HOME} $$"])
def test_any_password_will_do(password: str, start_collector: StartCollector, tmp_path: Path) -> None:
    with EmbeddedClickHouse(tmp_path / "clickhouse", password=password) as server:
        schema.apply(server.url())
        environment = clickhouse_environment(server, server.url())
        # The collector resolves dollar signs in what it reads from the environment; doubled they are themselves.
        environment["AGENTSIGHT_CLICKHOUSE_PASSWORD"] = password.replace("$", "$$")
        collector = start_collector("local.yaml", environment=environment)
        exporter = OTLPSpanExporter(endpoint=f"{collector.http}/v1/traces")
        assert exporter.export([span(1)]) is SpanExportResult.SUCCESS
        collector.wait_sent(1)
