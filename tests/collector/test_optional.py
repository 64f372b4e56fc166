"""The optional processing does what its files say, and nothing else, on the real collector."""

from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet
from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SpanExportResult

from agentsight_otel._tracing.sampling import records
from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.clickhouse import url as clickhouse_url
from tests.collector.building import GEOIP_MANIFEST, collector_binary
from tests.collector.conftest import StartCollector
from tests.collector.running import Collector
from tests.collector.spans import span

HERE = Path(__file__).parent
DIALECTS = (
    "gen_ai.conversation.id",
    "agentsight.conversation.id",
    "session.id",
    "traceloop.association.properties.session_id",
)


def send(collector: Collector, attributes: list[dict[str, Any]]) -> None:
    """Sends spans with these attributes, numbered from 1."""
    spans = [span(number, attributes=one) for number, one in enumerate(attributes, 1)]
    exporter = OTLPSpanExporter(endpoint=f"{collector.http}/v1/traces", timeout=60)
    assert exporter.export(spans) is SpanExportResult.SUCCESS


def stored(url: str) -> dict[str, dict[str, str]]:
    with clickhouse_client.connect(url) as client:
        return {row[0]: row[1] for row in client.query("SELECT SpanName, SpanAttributes FROM otel_traces").result_rows}


def test_conversations_only(start_collector: StartCollector, clickhouse_env: dict[str, str], schema_url: str) -> None:
    collector = start_collector("local.yaml", "optional/conversations-only.yaml", environment=clickhouse_env)
    inside = [{key: "c"} for key in DIALECTS] + [{"gen_ai.conversation.id": "", "session.id": "c"}]
    outside: list[dict[str, Any]] = [{}, {"gen_ai.conversation.id": ""}, {"user.id": "u"}, {"session.id": ""}]
    send(collector, [*inside, *outside])
    collector.wait_sent(len(inside))
    assert sorted(stored(schema_url)) == [f"span {number}" for number in range(1, len(inside) + 1)]


def test_everything_to_a_backend_and_conversations_to_clickhouse(
    start_collector: StartCollector, clickhouse_env: dict[str, str], schema_url: str
) -> None:
    """The backend here is another collector, which stores into the other database of this test."""
    other = f"{schema_url}_backend"
    schema.apply(other)
    backend = start_collector(
        "local.yaml",
        environment={**clickhouse_env, "AGENTSIGHT_CLICKHOUSE_DATABASE": clickhouse_url.parse(other).database},
    )
    collector = start_collector(
        "local.yaml",
        "optional/conversations-only.yaml",
        "optional/fan-out.yaml",
        environment={**clickhouse_env, "AGENTSIGHT_BACKEND_ENDPOINT": backend.http},
    )
    send(collector, [{"session.id": "c"}, {}])
    collector.wait_sent(3)
    backend.wait_sent(2)
    assert sorted(stored(schema_url)) == ["span 1"]
    assert sorted(stored(other)) == ["span 1", "span 2"]


@pytest.mark.parametrize("percent", ["33.3", "0", "100"])
def test_sampling_keeps_whole_conversations_the_same_as_the_sdk(
    percent: str, start_collector: StartCollector, clickhouse_env: dict[str, str], schema_url: str
) -> None:
    collector = start_collector(
        "local.yaml", "optional/sampling.yaml", environment={**clickhouse_env, "AGENTSIGHT_SAMPLE_PERCENT": percent}
    )
    conversations = [f"conversation-{number}" for number in range(300)] + ["Ελληνικά", "🏳️‍🌈", " "]
    sent: list[dict[str, Any]] = [{key: one} for one in conversations for key in DIALECTS]
    send(collector, [*sent, {}, {"gen_ai.conversation.id": ""}])
    kept = {one for one in conversations if records(one, float(percent) / 100)}
    collector.wait_sent(len(kept) * len(DIALECTS) + 2)
    found = [attributes for attributes in stored(schema_url).values() if attributes]
    assert sorted((key, value) for attributes in found for key, value in attributes.items() if value) == sorted(
        (key, one) for one in kept for key in DIALECTS
    )
    assert len(stored(schema_url)) == len(kept) * len(DIALECTS) + 2
    assert percent != "33.3" or 60 < len(kept) < 140


def test_an_entry_span_gets_the_conversation_from_its_baggage_header(
    start_collector: StartCollector, clickhouse_env: dict[str, str], schema_url: str
) -> None:
    collector = start_collector("local.yaml", "optional/conversation-identity.yaml", environment=clickhouse_env)
    identity = {
        "gen_ai.conversation.id": "σ/42, a=b;c%20?#",
        "agentsight.conversation.device": "mobile",
        "agentsight.conversation.source": "web",
        "agentsight.conversation.language": "en-US",
    }
    context = baggage.set_baggage("tenant", "1")
    for key, value in identity.items():
        context = baggage.set_baggage(key, value, context)
    carrier: dict[str, str] = {}
    W3CBaggagePropagator().inject(carrier, context)
    header = "http.request.header.baggage"
    send(
        collector,
        [
            {header: [carrier["baggage"]]},
            {header: carrier["baggage"]},
            {header: ["tenant=1", "gen_ai.conversation.id=c1;property=1"]},
            {header: [carrier["baggage"]], "gen_ai.conversation.id": "its own"},
            {header: ["tenant=1"], "x": "y"},
            {"x": "y"},
        ],
    )
    collector.wait_sent(6)
    assert stored(schema_url) == {
        "span 1": identity,
        "span 2": identity,
        "span 3": {"gen_ai.conversation.id": "c1"},
        "span 4": {**identity, "gen_ai.conversation.id": "its own"},
        "span 5": {"x": "y"},
        "span 6": {"x": "y"},
    }


@pytest.fixture
def geoip_database(tmp_path: Path) -> Path:
    writer = MMDBWriter(6, "GeoLite2-City", ipv4_compatible=True, float_type="f64")
    writer.insert_network(
        IPSet(["81.2.69.0/24"]),
        {
            "city": {"geoname_id": 1, "names": {"en": "London"}},
            "continent": {"code": "EU", "geoname_id": 2, "names": {"en": "Europe"}},
            "country": {"geoname_id": 3, "iso_code": "GB", "names": {"en": "United Kingdom"}},
            "location": {"latitude": 51.5142, "longitude": -0.0931, "time_zone": "Europe/London"},
            "postal": {"code": "EC1"},
            "subdivisions": [{"geoname_id": 4, "iso_code": "ENG", "names": {"en": "England"}}],
        },
    )
    path = tmp_path / "city.mmdb"
    writer.to_db_file(str(path))
    return path


def test_an_address_becomes_a_place_and_is_forgotten(
    start_collector: StartCollector, clickhouse_env: dict[str, str], schema_url: str, geoip_database: Path
) -> None:
    storing = start_collector("local.yaml", environment=clickhouse_env)
    locating = start_collector(
        HERE / "front.yaml",
        "optional/geoip.yaml",
        environment={"NEXT_COLLECTOR": storing.grpc, "AGENTSIGHT_GEOIP_DATABASE": str(geoip_database)},
        binary=collector_binary(GEOIP_MANIFEST),
    )
    send(
        locating,
        [
            {"client.address": "81.2.69.142", "x": "y"},
            {"agentsight.conversation.customer_ip": "81.2.69.0", "gen_ai.conversation.id": "c"},
            {"client.address": "10.0.0.1"},
            {"client.address": "not an address"},
            {"x": "y"},
        ],
    )
    storing.wait_sent(5)
    place = {
        "geo.country.iso_code": "GB",
        "geo.region.iso_code": "ENG",
        "geo.locality.name": "London",
        "geo.location.lat": "51.5142",
        "geo.location.lon": "-0.0931",
    }
    assert stored(schema_url) == {
        "span 1": {"x": "y", **place},
        "span 2": {"gen_ai.conversation.id": "c", **place},
        "span 3": {},
        "span 4": {},
        "span 5": {"x": "y"},
    }
