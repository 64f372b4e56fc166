import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.local import EmbeddedClickHouse
from tests.sql.clusters import Cluster, blocks, command_with, configure, run


@pytest.fixture(scope="module")
def database_url(clickhouse_server: EmbeddedClickHouse) -> str:
    url = clickhouse_server.url(f"sql_{secrets.token_hex(6)}")
    schema.apply(url)
    return url


@pytest.fixture(scope="module")
def client(database_url: str) -> Iterator[Any]:
    with clickhouse_client.connect(database_url) as connected:
        yield connected


@pytest.fixture(scope="module")
def cluster(clickhouse_server: EmbeddedClickHouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two shards and a query node, as docs/cluster.md sets them up."""
    second = EmbeddedClickHouse(tmp_path_factory.mktemp("shard"))
    query_node = EmbeddedClickHouse(tmp_path_factory.mktemp("query_node"))
    made = Cluster(f"cluster_{secrets.token_hex(6)}", [clickhouse_server, second], query_node)
    try:
        second.start()
        configure(query_node, blocks("xml")[0], {"shard-1": clickhouse_server, "shard-2": second})
        query_node.start()
        run(*command_with("--node", made.servers, made.database))
        yield made
    finally:
        query_node.stop(grace_s=0)
        second.stop(grace_s=0)
        with clickhouse_client.connect(clickhouse_server.url("default")) as client:
            client.command(f"DROP DATABASE IF EXISTS {made.database}")
