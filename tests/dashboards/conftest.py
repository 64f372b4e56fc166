"""ClickHouse as Grafana finds it: seeded, and asked by the read-only user of grafana/clickhouse/grafana-user.xml."""

import hashlib
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.local import EmbeddedClickHouse
from tests.dashboards import seed
from tests.sql.storing import insert

GRAFANA = Path(__file__).resolve().parents[2] / "grafana"
PASSWORD = "grafana's password"


@dataclass(frozen=True)
class Answer:
    """What a query gave.

    Attributes:
        columns: Their ClickHouse types by name, in order.
        rows: By column.
    """

    columns: dict[str, str]
    rows: list[dict[str, Any]]

    def values(self, column: str) -> list[Any]:
        return [row[column] for row in self.rows]


class Refused(Exception):
    """ClickHouse's answer to a query that it does not carry out."""


@dataclass(frozen=True)
class GrafanaUser:
    """Asks as the data source does: as user grafana, in the data source's default database, with a time limit."""

    http_port: int

    def ask(self, sql: str, **settings: Any) -> Answer:
        parameters = {
            "user": "grafana",
            "password": PASSWORD,
            "database": "agentsight",
            "default_format": "JSONCompact",
            "max_execution_time": 65,  # what its driver makes of a query timeout of 60 s
            **settings,
        }
        url = f"http://127.0.0.1:{self.http_port}/?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, data=sql.encode()), timeout=70) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            raise Refused(f"{error.read().decode()[:1500]}\n{sql[:6000]}") from None
        names = [column["name"] for column in answer["meta"]]
        assert len(set(names)) == len(names), names
        return Answer(
            {column["name"]: column["type"] for column in answer["meta"]},
            [dict(zip(names, row, strict=True)) for row in answer["data"]],
        )


@contextmanager
def server_for_grafana(home: Path) -> Iterator[EmbeddedClickHouse]:
    """A server with an empty schema, whose users.d has the file that the documentation says to put there."""
    user = (GRAFANA / "clickhouse" / "grafana-user.xml").read_text()
    digest = hashlib.sha256(PASSWORD.encode()).hexdigest()
    (home / "users.d").mkdir()
    (home / "users.d" / "grafana.xml").write_text(user.replace("REPLACE_WITH_THE_SHA256_OF_A_PASSWORD", digest))
    with EmbeddedClickHouse(home) as server:
        schema.apply(server.url())
        yield server


@pytest.fixture(scope="session")
def grafana_clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedClickHouse]:
    """The server that the seeded database is on."""
    with server_for_grafana(tmp_path_factory.mktemp("grafana-clickhouse")) as server:
        yield server


@pytest.fixture(scope="session")
def admin(grafana_clickhouse: EmbeddedClickHouse) -> Iterator[Any]:
    """A client that may do everything, in the seeded database."""
    with clickhouse_client.connect(grafana_clickhouse.url()) as client:
        insert(client, seed.spans())
        yield client


@pytest.fixture(scope="session")
def grafana(grafana_clickhouse: EmbeddedClickHouse, admin: Any) -> GrafanaUser:
    """The seeded database, as Grafana sees it."""
    return GrafanaUser(grafana_clickhouse.http_port)
