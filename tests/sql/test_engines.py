"""The schema and the views on other releases of ClickHouse than the one that all other tests run on."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.clickhouse.schema.server import MINIMUM
from tests.sql.engine import Engine, engine_python
from tests.sql.generated import generated
from tests.sql.model import DAY_MS, Ask, answers
from tests.sql.storing import BEHIND, assert_list_agrees, assert_views_agree

OLDEST = "chdb==3.7.2"
URL = "http://127.0.0.1:1/engine"


@pytest.fixture
def engine(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """One of another release, which the schema is applied to as to any server."""
    with Engine(engine_python(request.param), tmp_path / "data") as running:

        @contextmanager
        def connect(url: str, **options: Any) -> Iterator[Engine]:
            yield running

        monkeypatch.setattr(clickhouse_client, "connect", connect)
        yield running


@pytest.mark.timeout(1_200)  # an old engine is slow, and installed where it is not there yet
@pytest.mark.parametrize("engine", [OLDEST], indirect=True, ids=["oldest"])
def test_every_view_agrees_with_the_model_on_the_oldest_release(engine: Engine) -> None:
    release = engine.query("SELECT version()").result_rows[0][0]
    assert release.startswith(f"{MINIMUM[0]}.{MINIMUM[1]}."), "the oldest release tested is not the one promised"
    schema.apply(URL, raw_retention_days=36_500, rollup_retention_days=36_500)
    assert schema.verify(URL) == []
    engine.command("USE engine")
    spans = generated(8)
    for batch in itertools.batched(spans, 40) if hasattr(itertools, "batched") else [spans[:50], spans[50:], spans[:9]]:
        engine.insert_spans(batch)
    times = sorted(span.start_ms for span in spans)
    for ask in (
        Ask(times[0] - 1, times[-1] + 400 * DAY_MS, "Europe/Athens"),
        Ask(times[len(times) // 4], times[-1], "America/New_York", {"device": ["mobile", "unknown"]}),
    ):
        expected = answers(spans, ask)
        assert_views_agree(engine, expected, ask)
        for show in BEHIND:
            assert_list_agrees(engine, expected, ask, show)
    for view in ("conversations_v", "messages_v", "tool_calls_v", "feedback_v", "deployments_v", "pipeline_ingest"):
        engine.query(f"SELECT * FROM {view}")
