"""Inserts spans as a writer of ``otel_traces`` does, and asks the views."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest

from agentsight_otel._export.rows import COLUMNS
from agentsight_otel.clickhouse.catalogue import BY_VIEW
from agentsight_otel.local.page.overview import Part, overview
from agentsight_otel.metrics import METRICS, Rows, Window, query, query_parameters, view_call
from tests.sql.model import FILTERS, Ask, Span

TABLES = (
    "otel_traces",
    "conversations",
    "conversation_days",
    "tool_calls",
    "feedback",
    "excluded_conversations",
    "touched",
    "resolved",
    "ingest_minutes",
    "deployments",
)
TABLES_OF_OTHERS = (
    "foreign_spans",
    "trace_claims",
    "conversation_traces",
    "touched_traces",
    "derived_conversations",
    "derived_days",
    "trace_owners",
    "model_calls",
)
"""What only spans of other SDKs and calls of models fill."""


def insert(client: Any, spans: Iterable[Span]) -> None:
    rows = [
        [
            span.start_ns,
            span.trace_id,
            span.span_id,
            "",
            "",
            span.name,
            "Internal",
            span.service,
            span.resource,
            "",
            "",
            span.attributes,
            span.duration_ns,
            span.status,
            "",
            [event.at_ns for event in span.events],
            [event.name for event in span.events],
            [event.attributes for event in span.events],
            [],
            [],
            [],
            [],
        ]
        for span in spans
    ]
    if rows:
        client.insert("otel_traces", rows, column_names=list(COLUMNS), column_type_names=list(COLUMNS.values()))


def empty(client: Any) -> None:
    """Leaves nothing in the tables, and resolved as it is, until ``resolve``."""
    client.command("SYSTEM STOP VIEW resolution_due_mv")
    for table in TABLES:
        client.command(f"TRUNCATE TABLE {table}")


def clear(client: Any) -> None:
    """Leaves nothing in the tables, those of other SDKs included; views run on."""
    for table in (*TABLES, *TABLES_OF_OTHERS):
        client.command(f"TRUNCATE TABLE {table}")


def refresh(client: Any, view: str) -> None:
    """One round of a view that runs in the background, and none by itself afterwards."""
    for action in ("START", "REFRESH", "WAIT", "STOP"):
        client.command(f"SYSTEM {action} VIEW {view}")


def resolve(client: Any) -> None:
    """Brings resolved up to date, and has what was inserted until now be taken from it alone.

    It takes up what was touched more than a minute ago, and since it was last up to date.
    """
    client.command("INSERT INTO touched SELECT touched_at - 120, conversation_key, trace_key FROM touched")
    client.command("DELETE FROM resolved WHERE day = 2147483647")
    refresh(client, "resolution_due_mv")
    client.command("TRUNCATE TABLE touched")


def text(ms: int) -> str:
    moment = datetime(1970, 1, 1) + timedelta(milliseconds=ms)
    return moment.isoformat(sep=" ", timespec="milliseconds")


def call(view: str, ask: Ask) -> tuple[str, dict[str, Any]]:
    filters = ", ".join(f"{name}={{f_{name}:Array(String)}}" for name in FILTERS)
    return (
        f"SELECT * FROM {view}(from={{a:String}}, to={{b:String}}, timezone={{z:String}}, {filters})",
        {
            "a": text(ask.start_ms),
            "b": text(ask.end_ms),
            "z": ask.timezone,
            **{f"f_{name}": ask.filters.get(name, []) for name in FILTERS},
        },
    )


def ask_view(client: Any, view: str, ask: Ask) -> list[tuple[Any, ...]]:
    sql, parameters = call(view, ask)
    return [tuple(row) for row in client.query(sql, parameters=parameters).result_rows]


def assert_views_agree(client: Any, expected: dict[str, list[tuple[Any, ...]]], ask: Ask) -> int:
    """Compares every view with the model; returns the number of comparisons."""
    for view in METRICS:
        found = ask_view(client, view, ask)
        wanted = [tuple(row) for row in expected[view]]
        assert len(found) == len(wanted), (view, ask, found, wanted)
        for found_row, wanted_row in zip(found, wanted, strict=True):
            for found_value, wanted_value in zip(found_row, wanted_row, strict=True):
                if isinstance(wanted_value, float):
                    assert found_value == pytest.approx(wanted_value, rel=1e-9, abs=1e-9), (view, ask)
                else:
                    assert found_value == wanted_value, (view, ask, found_row, wanted_row)
    return len(METRICS)


BEHIND = {
    "started": ("metric_total_conversations", 0),
    "identified": ("metric_individual_users", 1),
    "timed": ("metric_conversation_duration", 3),
    "escalated": ("metric_human_escalation", 0),
    "visits": ("metric_unique_interaction", 0),
    "engaged": ("metric_unique_interaction", 1),
    "positive": ("metric_conversation_feedback", 0),
    "neutral": ("metric_conversation_feedback", 1),
    "negative": ("metric_conversation_feedback", 2),
}
"""What conversations_behind shows, with the metric that counts these conversations, and the place of its column."""


def assert_list_agrees(client: Any, expected: dict[str, list[tuple[Any, ...]]], ask: Ask, show: str) -> None:
    """Compares the number of conversations behind a figure with the figure of the model."""
    sql, parameters = call("conversations_behind", ask)
    counted = sql.replace("SELECT *", "SELECT count()").replace(
        "(from", f"(show='{show}', tool='', by='', model='', from"
    )
    view, column = BEHIND[show]
    ((found,),) = client.query(counted, parameters=parameters).result_rows
    assert found == expected[view][0][column], (show, ask)


def assert_overview_agrees(client: Any, window: Window) -> dict[str, Any]:
    """Compares what the page's overview makes of its few queries with the views; returns its parts by view."""

    async def ask(sql: str, parameters: dict[str, Any]) -> Rows:
        return list(client.query(sql, parameters=parameters).named_results())

    async def parts() -> list[Part]:
        return [part async for part in overview(ask, window)]

    answered = asyncio.run(parts())
    found = {part["view"]: part for part in answered if "view" in part}
    assert len(answered) == len(METRICS) + 1
    for view in METRICS:
        assert found[view]["rows"] == query(client, view, window), (view, window)
        previous = query(client, view, window.before()) if BY_VIEW[view].is_scalar else None
        assert found[view]["previous"] == previous, (view, window)
    (facets,) = [part["facets"] for part in answered if "facets" in part]
    unfiltered = query_parameters(Window(window.start, window.end, window.timezone))
    for name in FILTERS:
        counted = client.query(
            f"SELECT {name}, count() FROM {view_call('conversations_in_window')} GROUP BY 1 ORDER BY 2 DESC, 1",
            parameters=unfiltered,
        )
        assert facets[name] == [list(row) for row in counted.result_rows], (name, window)
    return found
