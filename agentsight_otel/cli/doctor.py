"""``agentsight-otel doctor``."""

import os
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from urllib.parse import urlsplit

import click

import agentsight_otel as agentsight
from agentsight_otel import semconv
from agentsight_otel._core import standard_config
from agentsight_otel._core.config import SettingError
from agentsight_otel._export.delivery import processors
from agentsight_otel._export.errors import described
from agentsight_otel.cli.target import target, target_options
from agentsight_otel.clickhouse import doctor
from agentsight_otel.clickhouse.doctor import Finding

_PORTS = {"http": 80, "https": 443}
_FLUSH_S = 15.0
_REFUSED_S = 5.0
EXIT_PROBLEM = 7


@click.command("doctor")
@target_options
@click.option(
    "--endpoint",
    envvar="OTEL_EXPORTER_OTLP_ENDPOINT",
    metavar="URL",
    help="Where your agent sends OTLP, http://host:4318 or :4317; also OTEL_EXPORTER_OTLP_ENDPOINT. Without it, the"
    " probe goes straight to ClickHouse.",
)
@click.option("--probe/--no-probe", default=True, show_default=True, help="Send a conversation, and erase it again.")
def doctor_command(clickhouse_url: str | None, data: Path | None, endpoint: str | None, probe: bool) -> None:
    """Find out why conversations do not reach the metrics; exit code 7 where they do not."""
    severe = False
    with target(clickhouse_url, data) as url:
        for finding in _findings(url, endpoint, probe):
            severe = severe or finding.severe
            click.echo(
                f"{'ok' if finding.well else 'PROBLEM' if finding.severe else 'note':8} {finding.check}:"
                f" {finding.said}" + (f"; {finding.remedy}" if finding.remedy else "")
            )
    if severe:
        raise SystemExit(EXIT_PROBLEM)


def _findings(url: str, endpoint: str | None, probe: bool) -> Iterator[Finding]:
    blocked = False
    for finding in chain(doctor.database(url), _receiver(endpoint) if endpoint else ()):
        blocked = blocked or finding.severe
        yield finding
    if not probe:
        return
    if blocked:
        yield Finding("probe", "not sent, because of the problems above")
        return
    yield from doctor.probe(url, lambda conversation_id: _send(conversation_id, url, endpoint))


def _receiver(endpoint: str) -> Iterator[Finding]:
    """Checks the way to the receiver, with the certificates that the exporter uses."""
    place = urlsplit(endpoint if "//" in endpoint else f"http://{endpoint}")
    tls = None
    if place.scheme == "https":
        try:
            where = standard_config.destination(
                "http/protobuf", {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
            )
            tls = doctor.trusted(where.certificate)
            if where.client_certificate:
                tls.load_cert_chain(where.client_certificate, where.client_key or None)
        except (SettingError, OSError) as error:
            remedy = "correct OTEL_EXPORTER_OTLP_CERTIFICATE, _CLIENT_CERTIFICATE or _CLIENT_KEY"
            yield Finding("OTLP: certificates", str(error), remedy, True)
            return
    port = place.port or _PORTS.get(place.scheme, 4318)
    yield from doctor.reach("OTLP", place.hostname or "", port, tls=tls)


def _send(conversation_id: str, url: str, endpoint: str | None) -> None:
    """Sends a conversation as an agent does, but never later, from a spool."""
    os.environ.pop("AGENTSIGHT_SPOOL_DIR", None)
    if endpoint:
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint
        if "OTEL_EXPORTER_OTLP_PROTOCOL" not in os.environ and urlsplit(endpoint).port == 4317:
            os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "grpc"
        os.environ.pop("AGENTSIGHT_CLICKHOUSE_URL", None)
    recording = agentsight.init(
        service_name="agentsight-doctor",
        clickhouse_url=None if endpoint else url,
        # A version would be a deployment.
        resource_attributes={semconv.SERVICE_VERSION: ""},
        sample_ratio=1.0,
        shutdown_timeout_s=0.0,
        set_global=False,
        instrument=False,
    )
    try:
        if not recording:
            raise ConnectionError("recording is switched off in this environment")
        with agentsight.conversation(conversation_id, name="agentsight-otel doctor"), agentsight.turn():
            agentsight.user_message("Does this arrive?")
            agentsight.agent_message("It does, if you read this.")
        _deliver(endpoint or "ClickHouse")
    finally:
        agentsight.shutdown()


def _deliver(receiver: str) -> None:
    """Waits until the receiver has taken everything; where it refuses, no longer than a few attempts take."""
    began = time.monotonic()
    while not agentsight.flush(timeout_s=1.0):
        waited_s = time.monotonic() - began
        for delivery in processors:
            if delivery.failure and (delivery.dropped or waited_s > _REFUSED_S):
                raise ConnectionError(described(delivery.failure))
        if waited_s > _FLUSH_S:
            raise ConnectionError(f"{receiver} did not take it within {_FLUSH_S:g} s")
