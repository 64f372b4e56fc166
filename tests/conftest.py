"""Real backends for every test that wants one. A backend that is missing is an error, never a skip."""

import secrets
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.clickhouse import url as clickhouse_url
from agentsight_otel.local import EmbeddedClickHouse
from tests.e2e.running_up import StartUp, Up


def pytest_configure() -> None:
    """A shell's background has SIGINT ignored, and commands that tests start and interrupt would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests start first: several processes then end at about the same time."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session")
def clickhouse_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedClickHouse]:
    """One real ClickHouse for the test process."""
    server = EmbeddedClickHouse(tmp_path_factory.mktemp("clickhouse"))
    (server.home / "users.d").mkdir(parents=True)
    (server.home / "users.d" / "tests.xml").write_text(_SETTINGS)
    with server:
        _running.append(server)
        yield server
        _running.clear()


_running: list[EmbeddedClickHouse] = []

# Queries that run a few times, on few rows, are quicker without machine code of their own.
_SETTINGS = """<clickhouse><profiles><default>
<compile_expressions>0</compile_expressions><compile_aggregate_expressions>0</compile_aggregate_expressions>
<compile_sort_description>0</compile_sort_description>
</default></profiles></clickhouse>"""


@pytest.fixture(scope="module", autouse=True)
def _background_ends_with_the_module() -> Iterator[None]:
    """What databases of a module that is over compute every few seconds would slow down the tests after it."""
    yield
    for server in _running:
        with clickhouse_client.connect(server.url("default")) as client:
            for database, view in client.query("SELECT database, view FROM system.view_refreshes").result_rows:
                client.command(f"SYSTEM STOP VIEW {database}.{view}")


@pytest.fixture
def empty_url(clickhouse_server: EmbeddedClickHouse) -> Iterator[str]:
    """The address of a database that does not exist yet; whatever the test makes of it is dropped."""
    url = clickhouse_server.url(f"test_{secrets.token_hex(6)}")
    yield url
    with clickhouse_client.connect(url, database="default") as client:
        client.command(f"DROP DATABASE IF EXISTS {clickhouse_url.parse(url).database} SYNC")


@pytest.fixture
def schema_url(empty_url: str) -> str:
    """The address of a database with the schema applied and nothing in it."""
    schema.apply(empty_url)
    return empty_url


@pytest.fixture(scope="module")
def kept_url(clickhouse_server: EmbeddedClickHouse) -> str:
    """The same once for all tests of a module that change nothing in it, as applying the schema takes seconds."""
    url = clickhouse_server.url(f"kept_{secrets.token_hex(6)}")
    schema.apply(url)
    return url


@pytest.fixture
def start_up() -> Iterator[StartUp]:
    """Starts ``agentsight-otel up`` on a folder; what still runs at the end of the test is killed."""
    started: list[Up] = []

    def begin(home: Path, *arguments: str, **environment: str) -> Up:
        started.append(Up(home, *arguments, **environment))
        return started[-1]

    yield begin
    for each in started:
        each.process.kill()
        each.process.wait()
