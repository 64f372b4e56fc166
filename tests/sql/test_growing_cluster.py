"""A shard of a cluster is split in two, as docs/cluster.md says: the views answer throughout what one server would."""

import os
import random
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.local import EmbeddedClickHouse
from tests.sql.clusters import PAGE, Cluster, blocks, command_with, configure, run
from tests.sql.generated import generated
from tests.sql.model import DAY_MS, Ask, Span, answers
from tests.sql.storing import assert_views_agree, insert

_MOVER = """<clickhouse><users><mover><password>secret</password><networks><ip>::/0</ip></networks>
<profile>default</profile><quota>default</quota><grants><query>GRANT ALL ON *.*</query></grants></mover></users>
</clickhouse>"""
"""A user who may read from other servers, which the embedded server's own users may not."""


def mover(server: EmbeddedClickHouse, database: str) -> str:
    return f"http://mover:secret@{server.host}:{server.http_port}/{database}"


@pytest.fixture
def grown(cluster: Cluster, tmp_path: Path) -> Iterator[Cluster]:
    """A new query node whose list has two new servers in place of the second shard; nothing is set up on them."""
    query_node, third, fourth = (EmbeddedClickHouse(tmp_path / name) for name in ("query-2", "shard-3", "shard-4"))
    for server in (query_node, third, fourth):
        for folder, text in (("users.d", _MOVER), ("config.d", "<clickhouse></clickhouse>")):
            (server.home / folder).mkdir(parents=True)
            (server.home / folder / "mover.xml").write_text(text)
    with ExitStack() as running:
        for shard in (third, fourth):
            running.enter_context(shard)
        shards = {"shard-1": cluster.shards[0], "shard-3": third, "shard-4": fourth}
        configure(query_node, blocks("xml")[2], shards)
        running.enter_context(query_node)
        yield Cluster(cluster.database, list(shards.values()), query_node)


def statements(of_page: str, cluster: Cluster) -> list[str]:
    """A block of SQL of the page, with the second shard's own address and the database's name."""
    old = cluster.shards[1]
    text = of_page.replace("'shard-2:9000'", f"'{old.host}:{old.tcp_port}'")
    text = text.replace("'cluster', 'secret-2'", f"'{old.user}', '{old.password}'")
    return [part for part in text.replace("agentsight.", f"{cluster.database}.").split(";\n") if part.strip()]


@pytest.mark.skipif("AGENTSIGHT_GROWING" not in os.environ, reason="takes minutes: set AGENTSIGHT_GROWING=1")
def test_a_shard_is_split_in_two(cluster: Cluster, grown: Cluster) -> None:
    spans = generated(24)
    spans += [Span(f"{n:032x}", f"{n:016x}", "GET /", 1_790_000_000_000_000_000) for n in range(90_001, 90_041)]
    random.Random(7).shuffle(spans)
    before, after = spans[: len(spans) // 2], spans[len(spans) // 2 :]
    times = sorted(span.start_ms for span in spans)
    window = Ask(times[0] - 1, times[-1] + 400 * DAY_MS, "Europe/Athens")
    with clickhouse_client.connect(cluster.query_node.url(cluster.database)) as client:
        insert(client, before)
        assert_views_agree(client, answers(before, window), window)
    for shard in cluster.shards:
        with clickhouse_client.connect(shard.url(cluster.database)) as client:
            client.command("ALTER TABLE escalation_tools DELETE WHERE tool = 'ticket' SETTINGS mutations_sync = 2")
            client.command("INSERT INTO settings (name, value) VALUES ('derive_exchanges', '0')")

    command = command_with("--cluster agentsight --clickhouse-url", {"query-1": grown.query_node}, grown.database)
    command += [part for shard in grown.shards for part in ("--node", shard.url(grown.database))]
    assert "up to date, nothing to do" in run(*command).stdout
    copying_settings, copying_spans = blocks("sql")[0], blocks("sql")[1]
    tables = re.findall(r"^for each `\{table\}` of (.*)\.$", PAGE.read_text(), re.MULTILINE)
    for shard in grown.shards[1:]:
        with clickhouse_client.connect(mover(shard, grown.database)) as client:
            for table in re.findall(r"`(\w+)`", tables[0]):
                for statement in statements(copying_settings.replace("{table}", table), cluster):
                    client.command(statement)
            assert client.query("SELECT value FROM settings FINAL").result_rows == [("0",)]
            assert client.query("SELECT count() FROM escalation_tools WHERE tool = 'ticket'").result_rows == [(0,)]

    with clickhouse_client.connect(mover(grown.query_node, grown.database)) as client:
        insert(client, after)
        months = cluster.on_each_shard("SELECT DISTINCT toYYYYMM(Timestamp, 'UTC') FROM otel_traces ORDER BY 1")[1]
        for (month,) in months:
            for statement in statements(copying_spans.replace("202611", str(month)), cluster):
                client.command(statement)
        for ask in (window, Ask(times[len(times) // 4], times[-1], "UTC", {"device": ["mobile", "unknown"]})):
            assert_views_agree(client, answers(spans, ask), ask)
        assert client.query("SELECT count() FROM otel_traces").result_rows == [(len(spans),)]

    ids = grown.on_each_shard("SELECT DISTINCT ConversationId FROM otel_traces WHERE ConversationId != ''")
    assert all(len(each) >= 2 for each in ids)
    assert sum(map(len, ids)) == len({row for each in ids for row in each}), "a conversation is on two shards"
    moved = cluster.on_each_shard("SELECT DISTINCT ConversationId FROM otel_traces WHERE ConversationId != ''")[1]
    assert set(moved) <= {*ids[1], *ids[2]}
