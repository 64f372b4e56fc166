"""Two shards and a query node, set up as docs/cluster.md says: the views answer what they answer on one server."""

import itertools
import random
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from agentsight_otel import bundled, clickhouse_client, schema
from agentsight_otel.local import EmbeddedClickHouse
from agentsight_otel.metrics import Window
from agentsight_otel.schema.files import Kind, load
from tests.collector.building import CONFIGS, collector_binary
from tests.collector.conftest import clickhouse_environment
from tests.collector.conversations import conversation as collector_conversation
from tests.collector.otlp import Connection, encode
from tests.collector.running import Collector
from tests.sql.model import DAY_MS, Ask, Event, Span, answers
from tests.sql.storing import ask_view, assert_overview_agrees, assert_views_agree, insert
from tests.sql.test_metrics_against_model import conversation

PAGE = Path(__file__).parents[2] / "docs" / "cluster.md"
DISTRIBUTED = bundled.folder("clickhouse_schema") / "cluster"
CONVERSATIONS = 20


@dataclass
class Cluster:
    database: str
    shards: list[EmbeddedClickHouse]
    query_node: EmbeddedClickHouse

    def on_each_shard(self, sql: str) -> list[list[tuple[Any, ...]]]:
        found = []
        for shard in self.shards:
            with clickhouse_client.connect(shard.url(self.database)) as client:
                found.append([tuple(row) for row in client.query(sql).result_rows])
        return found


def xml_of_the_page(shards: list[EmbeddedClickHouse]) -> tuple[str, str]:
    """The page's config.d and users.d files, the shards' addresses and logins put in."""
    remote_servers, profiles = re.findall(r"^```xml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    for number, shard in enumerate(shards, 1):
        named = f"<host>shard-{number}</host><port>9000</port><user>cluster</user><password>secret-{number}</password>"
        assert named in remote_servers
        remote_servers = remote_servers.replace(
            named,
            f"<host>{shard.host}</host><port>{shard.tcp_port}</port><user>{shard.user}</user>"
            f"<password>{shard.password}</password>",
        )
    return remote_servers, profiles


@pytest.fixture(scope="module")
def cluster(clickhouse_server: EmbeddedClickHouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    database = f"cluster_{secrets.token_hex(6)}"
    second = EmbeddedClickHouse(tmp_path_factory.mktemp("shard"))
    query_node = EmbeddedClickHouse(tmp_path_factory.mktemp("query_node"))
    shards = [clickhouse_server, second]
    try:
        second.start()
        for shard in shards:
            schema.apply(shard.url(database))
        for folder, text in zip(("config.d", "users.d"), xml_of_the_page(shards), strict=True):
            (query_node.home / folder).mkdir()
            (query_node.home / folder / "cluster.xml").write_text(text)
        query_node.start()
        with clickhouse_client.connect(query_node.url("default")) as client:
            client.command(f"CREATE DATABASE {database}")
            views = [file.sql for file in load().files if file.kind is Kind.VIEW]
            for sql in [path.read_text() for path in sorted(DISTRIBUTED.glob("*.sql"))] + views:
                client.command(sql.replace("{database}", database).rstrip().rstrip(";"))
        yield Cluster(database, shards, query_node)
    finally:
        query_node.stop(grace_s=0)
        second.stop(grace_s=0)
        with clickhouse_client.connect(clickhouse_server.url("default")) as client:
            client.command(f"DROP DATABASE IF EXISTS {database}")


@pytest.fixture
def client(cluster: Cluster) -> Iterator[Any]:
    with clickhouse_client.connect(cluster.query_node.url(cluster.database)) as connected:
        yield connected


def test_every_table_has_its_distributed_one_and_the_page_names_the_files_of_the_views() -> None:
    distributed = {path.stem[4:] for path in DISTRIBUTED.glob("*.sql")}
    assert distributed == {file.object_name for file in load().files if file.kind is Kind.TABLE} | {"schema_history"}
    assert [file.name for file in load().files if (file.kind is Kind.VIEW) != file.name.startswith("1")] == []


def generated(count: int) -> list[Span]:
    """Conversations of all dialects; every third span is of another trace of its conversation."""
    spans: list[Span] = []
    numbers = itertools.count(1)

    @settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def collect(data: st.DataObject) -> None:
        for index, span in enumerate(data.draw(conversation(next(numbers)))):
            elsewhere = span.counts and index % 3 == 2
            spans.append(replace(span, trace_id="f" + span.trace_id[1:]) if elsewhere else span)

    collect()
    return spans


def test_every_view_answers_as_on_one_server(cluster: Cluster, client: Any) -> None:
    spans = generated(CONVERSATIONS)
    outside = [Span(f"{n:032x}", f"{n:016x}", "GET /", 1_790_000_000_000_000_000) for n in range(90_001, 90_041)]
    chance = random.Random(2026)
    sent = spans + outside + chance.sample(spans, len(spans) // 2)
    chance.shuffle(sent)
    for batch in (sent[start::3] for start in range(3)):
        insert(client, batch)

    ids = cluster.on_each_shard("SELECT DISTINCT ConversationId FROM otel_traces WHERE ConversationId != ''")
    assert [len(found) >= 5 for found in ids] == [True, True]
    assert set(ids[0]) & set(ids[1]) == set(), "a conversation is on two shards"
    assert all(
        rows[0][0] > 5 for rows in cluster.on_each_shard("SELECT count() FROM otel_traces WHERE ConversationId = ''")
    ), "spans outside conversations are on one shard only"
    assert client.query("SELECT count() FROM otel_traces").result_rows == [(len(sent),)]

    times = sorted(span.start_ms for span in spans)
    for ask in (
        Ask(times[0] - 1, times[-1] + 400 * DAY_MS, "Europe/Athens"),
        Ask(times[len(times) // 4], times[-1], "America/New_York", {"device": ["mobile", "unknown"]}),
    ):
        assert_views_agree(client, answers(spans, ask), ask)
        start, end = (datetime.fromtimestamp(ms / 1000, timezone.utc) for ms in (ask.start_ms, ask.end_ms))
        assert_overview_agrees(client, Window(start, end, ask.timezone, ask.filters))

    counted = {(span.trace_id, span.span_id): span for span in spans if span.counts}
    conversations = client.query("SELECT conversation_id, messages FROM conversations_v").result_rows
    assert len(conversations) == len({span.conversation_id for span in counted.values()})
    assert client.query("SELECT count() FROM tool_calls_v").result_rows == [
        (sum(span.is_tool_call for span in counted.values()),)
    ]
    assert client.query("SELECT count() FROM messages_v").result_rows == [(sum(row[1] for row in conversations),)]
    assert client.query("SELECT sum(spans) FROM pipeline_ingest").result_rows == [(len(sent),)]


def test_the_collector_writes_through_a_query_node(cluster: Cluster, client: Any, tmp_path: Path) -> None:
    """Its client's version looks old to the shards, which then need to be told to use the analyzer."""
    start_ms = 1_400_000_000_000
    sent = [span for number in range(1, 9) for span in collector_conversation(number, start_ms * 1_000_000)]
    environment = clickhouse_environment(cluster.query_node, cluster.query_node.url(cluster.database))
    with Collector(collector_binary(), [CONFIGS / "local.yaml"], environment, tmp_path) as collector:
        connection = Connection(f"http://127.0.0.1:{collector.http_port}")
        assert connection.post(encode(sent)) == 200
        connection.close()
        collector.wait_sent(len(sent))
    window = Ask(start_ms - DAY_MS, start_ms + DAY_MS)
    assert_views_agree(client, answers(sent, window), window)


def test_programs_find_the_schema_and_may_not_apply_it(cluster: Cluster) -> None:
    url = cluster.query_node.url(cluster.database)
    schema.check(url)
    with pytest.raises(schema.SchemaOnShards, match="reads the shards of a cluster"):
        schema.apply(url)


def test_a_batch_that_met_a_dead_shard_counts_once_when_it_is_sent_again(cluster: Cluster, client: Any) -> None:
    start_ms = 1_500_000_000_000
    batch = [
        Span(
            f"{number:032x}",
            "1" * 16,
            "invoke_agent",
            start_ms * 1_000_000,
            attributes={"gen_ai.conversation.id": f"sent-again-{number}", "agentsight.span.kind": "turn"},
            events=(Event(start_ms * 1_000_000, "agentsight.message", {"agentsight.message.sender": "end_user"}),),
        )
        for number in range(80_001, 80_021)
    ]
    window = Ask(start_ms, start_ms + 1)
    cluster.shards[1].stop(grace_s=0)
    try:
        with pytest.raises(ClickHouseError):
            insert(client, batch)
        with pytest.raises(ClickHouseError):
            ask_view(client, "metric_total_conversations", window)
    finally:
        cluster.shards[1].start()
    insert(client, batch)
    assert_views_agree(client, answers(batch, window), window)
