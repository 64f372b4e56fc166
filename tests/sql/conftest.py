import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from agentsight_otel import clickhouse_client, schema
from agentsight_otel.local import EmbeddedClickHouse


@pytest.fixture(scope="module")
def database_url(clickhouse_server: EmbeddedClickHouse) -> str:
    url = clickhouse_server.url(f"sql_{secrets.token_hex(6)}")
    schema.apply(url)
    return url


@pytest.fixture(scope="module")
def client(database_url: str) -> Iterator[Any]:
    with clickhouse_client.connect(database_url) as connected:
        yield connected
