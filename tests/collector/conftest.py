"""A real collector in front of the real ClickHouse."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from agentsight_otel.clickhouse import url as clickhouse_url
from agentsight_otel.local import EmbeddedClickHouse
from tests.collector.building import CONFIGS, build_all, collector_binary
from tests.collector.running import Collector
from tests.collector.small_disk import SmallDisk

StartCollector = Callable[..., Collector]


def pytest_collection_finish(session: pytest.Session) -> None:
    if not session.config.option.collectonly and any(
        Path(__file__).parent in item.path.parents for item in session.items
    ):
        build_all()


@pytest.fixture(scope="session")
def otelcol() -> Path:
    """The collector of builder.yaml, or the one that OTELCOL names."""
    return collector_binary()


def clickhouse_environment(server: EmbeddedClickHouse, url: str) -> dict[str, str]:
    """What the configs read to reach a database of the embedded ClickHouse over its native protocol."""
    return {
        "AGENTSIGHT_CLICKHOUSE_ENDPOINT": f"tcp://{server.host}:{server.tcp_port}",
        "AGENTSIGHT_CLICKHOUSE_USER": server.user,
        "AGENTSIGHT_CLICKHOUSE_PASSWORD": server.password,
        "AGENTSIGHT_CLICKHOUSE_DATABASE": clickhouse_url.parse(url).database,
    }


@pytest.fixture
def clickhouse_env(clickhouse_server: EmbeddedClickHouse, schema_url: str) -> dict[str, str]:
    """The environment of a collector that writes into the test's own database, ``schema_url``."""
    return clickhouse_environment(clickhouse_server, schema_url)


@pytest.fixture
def start_collector(otelcol: Path, tmp_path: Path) -> Iterator[StartCollector]:
    """Starts collectors; what still runs at the end of the test is killed.

    ``start_collector("local.yaml", environment=clickhouse_env)`` returns a healthy ``Collector``. Further arguments:
    ``binary=``, ``home=`` (a folder; the same one again has the same queue), ``arguments=``, ``wait=``.
    """
    started: list[Collector] = []

    def start(
        *configs: str | Path,
        environment: Mapping[str, str] | None = None,
        binary: Path | None = None,
        home: Path | None = None,
        arguments: Sequence[str] = (),
        wait: bool = True,
    ) -> Collector:
        collector = Collector(
            binary or otelcol,
            [CONFIGS / config for config in configs],
            environment or {},
            home or tmp_path / f"collector{len(started)}",
            arguments,
        )
        started.append(collector)
        return collector.start(wait)

    yield start
    for collector in started:
        collector.kill()


@pytest.fixture
def impatient(tmp_path: Path) -> Path:
    """A config to lay over another, for tests that would only wait: retries and small inserts come quickly."""
    overlay = tmp_path / "impatient.yaml"
    overlay.write_text(
        "exporters:\n"
        "  clickhouse:\n"
        "    retry_on_failure: {initial_interval: 100ms, max_interval: 500ms}\n"
        "    sending_queue: {batch: {flush_timeout: 200ms}}\n"
    )
    return overlay


@pytest.fixture
def small_disk(otelcol: Path, tmp_path: Path) -> SmallDisk:
    """A small file system for a collector's queue."""
    return SmallDisk(otelcol, tmp_path)
