"""ClickHouse is away, slow, refuses, or answers into a cut connection: nothing is lost, no metric changes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.local import EmbeddedClickHouse
from tests.collector.conftest import StartCollector, clickhouse_environment
from tests.collector.counting import Conversations, assert_nothing_lost, rows
from tests.collector.otlp import Sender
from tests.collector.proxy import Proxy
from tests.collector.waiting import until


@pytest.fixture
def own_clickhouse(tmp_path: Path) -> Iterator[EmbeddedClickHouse]:
    """A ClickHouse that the test may stop."""
    with EmbeddedClickHouse(tmp_path / "clickhouse") as server:
        yield server


@pytest.fixture
def proxy(clickhouse_server: EmbeddedClickHouse) -> Iterator[Proxy]:
    proxy = Proxy(clickhouse_server.host, clickhouse_server.tcp_port)
    yield proxy
    proxy.close()


@pytest.fixture
def proxied_env(proxy: Proxy, clickhouse_env: dict[str, str]) -> dict[str, str]:
    """The environment of a collector that reaches the test's database through the proxy."""
    return {**clickhouse_env, "AGENTSIGHT_CLICKHOUSE_ENDPOINT": proxy.endpoint}


def received(url: str) -> int:
    """How many spans arrived, also those that were there already."""
    with clickhouse_client.connect(url) as client:
        return int(client.query("SELECT sum(spans) FROM ingest_minutes").first_row[0])


def command(url: str, sql: str) -> None:
    with clickhouse_client.connect(url) as client:
        client.command(sql)


def test_clickhouse_stopped_under_load(
    start_collector: StartCollector, own_clickhouse: EmbeddedClickHouse, impatient: Path
) -> None:
    url = own_clickhouse.url()
    schema.apply(url)
    collector = start_collector("local.yaml", impatient, environment=clickhouse_environment(own_clickhouse, url))
    sent = Conversations()
    with Sender(collector.http, sent, pause_s=0.1) as sender:
        until(lambda: rows(url) > 0)
        own_clickhouse.stop(grace_s=0)
        before = sender.accepted
        until(lambda: sender.accepted > before + 3_000, what="load accepted without ClickHouse")
        own_clickhouse.start()
        before = sender.accepted
        until(lambda: sender.accepted > before + 1_000, what="load accepted afterwards")
    assert sender.retries == 0, "a sender noticed"
    assert_nothing_lost(collector, url, sent.spans)


def test_what_is_sent_again_because_its_answer_never_arrived_is_stored_once(
    start_collector: StartCollector, proxied_env: dict[str, str], proxy: Proxy, schema_url: str, impatient: Path
) -> None:
    collector = start_collector("local.yaml", impatient, environment=proxied_env)
    proxy.cuts_left = 3
    sent = Conversations(requests=20)
    with Sender(collector.http, sent, pause_s=0.1) as sender:
        sender.join()
    assert_nothing_lost(collector, schema_url, sent.spans)
    assert proxy.cut == 3
    assert received(schema_url) > len(sent.spans) == rows(schema_url)


def test_slow_answers_are_waited_for(
    start_collector: StartCollector, proxied_env: dict[str, str], proxy: Proxy, schema_url: str, impatient: Path
) -> None:
    collector = start_collector("local.yaml", impatient, environment=proxied_env)
    proxy.answer_delay_s = 1.5
    sent = Conversations(requests=20)
    with Sender(collector.http, sent) as sender:
        sender.join()
    assert_nothing_lost(collector, schema_url, sent.spans)
    assert rows(schema_url) == len(sent.spans)


def test_what_is_sent_again_because_its_answer_is_slow_is_stored_once(
    start_collector: StartCollector,
    proxied_env: dict[str, str],
    proxy: Proxy,
    schema_url: str,
    impatient: Path,
    tmp_path: Path,
) -> None:
    overlay = tmp_path / "timeout.yaml"
    overlay.write_text("exporters: {clickhouse: {timeout: 4s}}\n")
    collector = start_collector("local.yaml", impatient, overlay, environment=proxied_env)
    proxy.answer_delay_s = 8
    sent = Conversations(requests=10)
    with Sender(collector.http, sent) as sender:
        sender.join()
    until(lambda: received(schema_url) > len(sent.spans), what="a batch sent again")
    proxy.answer_delay_s = 0
    assert_nothing_lost(collector, schema_url, sent.spans)
    assert rows(schema_url) == len(sent.spans)


@pytest.mark.parametrize("table", ["otel_traces", "conversation_days"])
def test_too_many_parts(
    start_collector: StartCollector, clickhouse_env: dict[str, str], schema_url: str, impatient: Path, table: str
) -> None:
    """Refused by the span table nothing is stored; refused by a rollup the spans are, come again, and stay once."""
    command(schema_url, f"SYSTEM STOP MERGES {table}")
    command(schema_url, f"ALTER TABLE {table} MODIFY SETTING parts_to_delay_insert = 1000, parts_to_throw_insert = 2")
    collector = start_collector("local.yaml", impatient, environment=clickhouse_env)
    sent = Conversations()
    with Sender(collector.http, sent, pause_s=0.1) as sender:
        until(lambda: "Too many parts" in collector.logged(), what="a refusal")
        before = sender.accepted
        until(lambda: sender.accepted > before + 500, what="load accepted meanwhile")
    command(schema_url, f"SYSTEM START MERGES {table}")
    command(schema_url, f"ALTER TABLE {table} RESET SETTING parts_to_throw_insert")
    assert_nothing_lost(collector, schema_url, sent.spans)
    assert rows(schema_url) == len(sent.spans)


def test_a_table_that_is_read_only_for_a_while(
    start_collector: StartCollector, clickhouse_env: dict[str, str], schema_url: str, impatient: Path
) -> None:
    command(schema_url, "ALTER TABLE otel_traces MODIFY SETTING table_readonly = 1")
    collector = start_collector("local.yaml", impatient, environment=clickhouse_env)
    sent = Conversations(requests=10)
    with Sender(collector.http, sent) as sender:
        sender.join()
    until(lambda: "Table is in readonly mode" in collector.logged(), what="a refusal")
    command(schema_url, "ALTER TABLE otel_traces MODIFY SETTING table_readonly = 0")
    assert_nothing_lost(collector, schema_url, sent.spans)


def test_a_schema_that_is_applied_later(
    start_collector: StartCollector, clickhouse_server: EmbeddedClickHouse, empty_url: str, impatient: Path
) -> None:
    environment = clickhouse_environment(clickhouse_server, empty_url)
    collector = start_collector("local.yaml", impatient, environment=environment)
    sent = Conversations(requests=5)
    with Sender(collector.http, sent) as sender:
        sender.join()
    until(lambda: collector.metrics().get("otelcol_exporter_queue_size", 0) > 0)
    schema.apply(empty_url)
    assert_nothing_lost(collector, empty_url, sent.spans)


def test_a_backfill_of_400_days_in_one_batch(
    start_collector: StartCollector, clickhouse_env: dict[str, str], schema_url: str
) -> None:
    collector = start_collector("local.yaml", environment=clickhouse_env)
    sent = Conversations(per_request=401, requests=1, spacing_s=86_400)
    with Sender(collector.http, sent) as sender:
        sender.join()
    assert_nothing_lost(collector, schema_url, sent.spans)
    with clickhouse_client.connect(schema_url) as client:
        inserts, days = client.query("SELECT uniqExact(_part), uniqExact(toDate(Timestamp)) FROM otel_traces").first_row
    assert days == 401
    assert inserts <= 14, "one part a month, of one insert"
    assert collector.metrics().get("otelcol_exporter_send_failed_spans", 0) == 0
