"""Two shards and a query node, set up as docs/cluster.md says: the views answer what they answer on one server."""

import random
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from agentsight_otel.clickhouse import bundled, schema
from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse.erasure import Eraser
from agentsight_otel.clickhouse.schema.files import Kind, load
from agentsight_otel.metrics import Window
from tests.collector.building import CONFIGS, collector_binary
from tests.collector.conftest import clickhouse_environment
from tests.collector.conversations import conversation as collector_conversation
from tests.collector.otlp import Connection, encode
from tests.collector.running import Collector
from tests.sql.clusters import Cluster
from tests.sql.generated import generated
from tests.sql.model import DAY_MS, Ask, Event, Span, answers
from tests.sql.storing import (
    BEHIND,
    ask_view,
    assert_list_agrees,
    assert_overview_agrees,
    assert_views_agree,
    clear,
    insert,
)

DISTRIBUTED = bundled.folder("clickhouse_schema") / "cluster"
CONVERSATIONS = 20


@pytest.fixture
def client(cluster: Cluster) -> Iterator[Any]:
    for shard in cluster.shards:
        with clickhouse_client.connect(shard.url(cluster.database)) as connected:
            clear(connected)
    with clickhouse_client.connect(cluster.query_node.url(cluster.database)) as connected:
        yield connected


def test_every_table_has_its_distributed_one() -> None:
    distributed = {path.stem for path in DISTRIBUTED.glob("*.sql")}
    stored = {file.name for file in load().files if file.kind is Kind.TABLE and "ENGINE = Null" not in file.sql}
    assert distributed == stored | {"schema_history"}


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
        expected = answers(spans, ask)
        assert_views_agree(client, expected, ask)
        for show in BEHIND:
            assert_list_agrees(client, expected, ask, show)
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


def test_what_is_erased_on_each_shard_is_gone_from_the_query_node(cluster: Cluster, client: Any) -> None:
    with pytest.raises(ValueError, match="expected the address of a shard"):
        Eraser(cluster.query_node.url(cluster.database))
    insert(client, generated(CONVERSATIONS))
    count = "SELECT count() FROM conversations_v"
    before = client.query(count).result_rows[0][0]
    gone = tuple(row[0] for row in client.query("SELECT conversation_id FROM conversations_v LIMIT 4").result_rows)
    assert gone
    for shard in cluster.shards:
        with Eraser(shard.url(cluster.database)) as eraser:
            assert eraser.erase(eraser.plan(gone)).left == {}
    assert client.query(count).result_rows[0][0] == before - len(gone)
    left = "SELECT count() FROM otel_traces WHERE ConversationId IN {gone:Array(String)}"
    assert client.query(left, parameters={"gone": list(gone)}).result_rows == [(0,)]
