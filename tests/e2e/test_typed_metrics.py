"""The typed clients: every view as dataclasses, equal to the plain answers, in two kinds; and the notebook."""

import asyncio
import dataclasses
import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

import agentsight_otel as agentsight
from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.local import EmbeddedClickHouse
from agentsight_otel.metrics import (
    METRICS,
    AsyncMetrics,
    Metrics,
    Selection,
    Window,
    fetch,
    query_parameters,
    view_call,
)

NOTEBOOK = Path(__file__).parents[2] / "examples" / "metrics.ipynb"
NOW = datetime.now(timezone.utc)
WINDOW = Window(NOW - timedelta(hours=1), NOW + timedelta(hours=1))
VIEWS = (*METRICS, "model_usage")


@pytest.fixture(scope="module")
def url(clickhouse_server: EmbeddedClickHouse) -> Iterator[str]:
    url = clickhouse_server.url("typed")
    schema.apply(url)
    agentsight.init(clickhouse_url=url)
    for number in range(3):
        agentsight.get_or_create_conversation(f"c{number}", customer_id=f"u{number % 2}", device="mobile")
        with agentsight.turn():
            agentsight.user_message("Where is '; DROP TABLE otel_traces; --?")
            with agentsight.tool("find", arguments={"n": number}):
                pass
            with agentsight.generation("gpt-5", provider="openai") as call:
                call.usage(input_tokens=100, output_tokens=10)
            agentsight.agent_message("Here.")
    agentsight.feedback("positive")
    assert agentsight.flush()
    yield url
    agentsight.shutdown()


def test_every_view_is_a_method_whose_rows_are_those_of_the_view(url: str) -> None:
    report = fetch(url, WINDOW).metrics
    with Metrics(url) as metrics, clickhouse_client.connect(url) as client:
        for view in VIEWS:
            table = getattr(metrics, view.removeprefix("metric_"))(WINDOW)
            plain = client.query(f"SELECT * FROM {view_call(view)}", parameters=query_parameters(WINDOW))
            assert [dataclasses.asdict(row) for row in table] == list(plain.named_results()), view
            assert view not in report or table.rows() == report[view], view
            assert table == metrics.metric(view, WINDOW)
        assert metrics.total_messages(WINDOW).one.messages == 6
        assert metrics.device_usage(WINDOW)[0].device == "mobile"
        assert (metrics.model_usage(WINDOW).one.model, metrics.model_usage(WINDOW).one.input_tokens) == ("gpt-5", 300)
        hours = metrics.model_usage_over_time(WINDOW, step_s=3_600)
        assert sum(hour.calls for hour in hours) == 3 and hours[0].time.minute == 0
        assert metrics.model_usage_over_time(WINDOW)[0].time.hour == 0
        with pytest.raises(ValueError, match="metric_nothing"):
            metrics.metric("metric_nothing", WINDOW)


def test_every_method_says_what_it_returns() -> None:
    for view in VIEWS:
        assert getattr(Metrics, view.removeprefix("metric_")).__doc__, view


def test_the_client_with_asyncio_answers_the_same(url: str) -> None:
    async def all_of_them() -> dict[str, Any]:
        async with AsyncMetrics(url) as metrics:
            tables = {view: await getattr(metrics, view.removeprefix("metric_"))(WINDOW) for view in VIEWS}
            tables["messages"] = [message async for message in metrics.messages()]
            return tables

    found = asyncio.run(all_of_them())
    with Metrics(url) as metrics:
        for view in VIEWS:
            assert found[view] == getattr(metrics, view.removeprefix("metric_"))(WINDOW)
        assert found["messages"] == list(metrics.messages())


def test_conversations_messages_and_calls_stream_as_they_are_selected(url: str) -> None:
    of_one = Selection(customers=("u0",))
    with Metrics(url) as metrics:
        assert {one.conversation_id for one in metrics.conversations(of_one)} == {"c0", "c2"}
        assert [message.content for message in metrics.messages(Selection(conversations=("c1",)))] == [
            "Where is '; DROP TABLE otel_traces; --?",
            "Here.",
        ]
        assert len(list(metrics.tool_calls())) == 3
        assert list(metrics.messages(Selection(end=NOW - timedelta(days=1)))) == []
        nasty = Selection(customers=("' OR 1=1 --",), filters={"device": ["\\'"]})
        assert list(metrics.conversations(nasty)) == []


def test_tables_become_data_frames(url: str) -> None:
    with Metrics(url) as metrics:
        table = metrics.tool_usage(WINDOW)
    for frame in (table.to_pandas(), table.to_polars(), table.to_arrow()):
        assert list(getattr(frame, "column_names", frame.columns)) == ["tool", "calls", "errors", "average_s", "p95_s"]
    assert table.to_pandas()["calls"].sum() == table.to_polars()["calls"].sum() == 3


def test_the_notebook_runs(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTSIGHT_CLICKHOUSE_URL", url)
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    names: dict[str, Any] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    assert names["usage"]["calls"].sum() == 3
