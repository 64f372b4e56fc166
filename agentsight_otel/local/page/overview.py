"""The 15 metrics of a window and of the one before it, in a dozen queries instead of one for each.

What several metrics need is read once, by views that tests hold to the metrics' own.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

from agentsight_otel.catalogue import BY_VIEW, CATALOGUE
from agentsight_otel.metrics import FILTERS, Rows, Window, query_parameters, view_call

Part = dict[str, Any]
"""``{"view", "rows", "previous"}``, previous being None where the view has more than one row; or ``{"facets"}``."""
Query = tuple[str, dict[str, Any]]
Ask = Callable[[str, dict[str, Any]], Awaitable[Rows]]
Answer = tuple[Callable[..., list[Part]], list[Query]]
"""What makes parts of the rows of each of some queries, and the queries."""

_MOST_FACETS = 200
_BY_VALUE = {metric.columns[0].name: metric.view for metric in CATALOGUE if metric.columns[0].name in FILTERS}
"""The metrics that count conversations by what they can be filtered by."""


async def overview(ask: Ask, window: Window) -> AsyncIterator[Part]:
    """The metrics as they are answered, and the values that filters can take.

    Args:
        ask: Asks the database a query with its parameters.
        window: What is asked for.
    """
    asked: list[asyncio.Task[Any]] = []
    try:
        answers = []
        for parts, queries in _answers(window):
            # A task for each query, as they are asked in the order in which their tasks are made.
            tasks = [asyncio.create_task(_rows(ask, query)) for query in queries]
            asked += tasks
            answers.append(asyncio.create_task(_parts(parts, tasks)))
        asked += answers
        for done in asyncio.as_completed(answers):
            for part in await done:
                yield part
    finally:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)


def _answers(window: Window) -> list[Answer]:
    """The figures first, as they are what people read first, and of them what takes longest."""
    before = window.before()
    is_filtered = any(window.filters.values())
    answers: list[Answer] = [
        (_of_messages, [_query("window_times", window), _query("metric_total_messages", before)]),
        (_of_conversations, [_query("overview_conversations", each) for each in (window, before)]),
    ]
    for view in ("metric_agent_response_time", "metric_unique_interaction", "metric_conversation_feedback"):
        answers.append((partial(_whole, view), [_query(view, each) for each in (window, before)]))
    answers.append((partial(_of_values, with_facets=not is_filtered), [_query("filter_values", window)]))
    answers.append((partial(_whole, "metric_tool_usage"), [_query("metric_tool_usage", window)]))
    if is_filtered:
        answers.append((_facet_part, [_facets_query(window)]))
    return answers


async def facets(ask: Ask, window: Window) -> dict[str, list[list[Any]]]:
    """By filter, the values that conversations of the window have, the most frequent first, with their numbers."""
    return _facets(await ask(*_facets_query(window)))


async def _rows(ask: Ask, query: Query) -> Rows:
    return await ask(*query)


async def _parts(parts: Callable[..., list[Part]], tasks: list[asyncio.Task[Rows]]) -> list[Part]:
    return parts(*await asyncio.gather(*tasks))


def _query(view: str, window: Window) -> Query:
    return f"SELECT * FROM {view_call(view)}", query_parameters(window)


def _facets_query(window: Window) -> Query:
    sql, parameters = _query("filter_values", Window(window.start, window.end, window.timezone))
    return f"{sql} LIMIT {_MOST_FACETS} BY filter", parameters


def _part(view: str, rows: Rows, previous: Rows | None = None) -> Part:
    return {"view": view, "rows": rows, "previous": previous}


def _whole(view: str, rows: Rows, before: Rows | None = None) -> list[Part]:
    return [_part(view, rows, before)]


def _of_conversations(now: Rows, before: Rows) -> list[Part]:
    def row(view: str, values: tuple[Any, ...]) -> dict[str, Any]:
        return {column.name: value for column, value in zip(BY_VIEW[view].columns, values, strict=True)}

    return [_part(view, [row(view, now[0][view])], [row(view, before[0][view])]) for view in now[0]]


def _of_messages(rows: Rows, before: Rows) -> list[Part]:
    by_view: dict[str, Rows] = {}
    for row in rows:
        columns = BY_VIEW[row["metric"]].columns
        by_view.setdefault(row["metric"], []).append({column.name: row[column.name] for column in columns})
    return [_part(view, found, before if BY_VIEW[view].is_scalar else None) for view, found in by_view.items()]


def _of_values(values: Rows, *, with_facets: bool) -> list[Part]:
    by_view: dict[str, Rows] = {view: [] for view in _BY_VALUE.values()}
    for row in values:
        if row["filter"] in _BY_VALUE:
            found = by_view[_BY_VALUE[row["filter"]]]
            found.append({row["filter"]: row["value"], "conversations": row["conversations"]})
    parts = [_part(view, rows) for view, rows in by_view.items()]
    return [*parts, *_facet_part(values)] if with_facets else parts


def _facet_part(values: Rows) -> list[Part]:
    return [{"facets": _facets(values)}]


def _facets(values: Rows) -> dict[str, list[list[Any]]]:
    found: dict[str, list[list[Any]]] = {name: [] for name in FILTERS}
    for row in values:
        if len(found[row["filter"]]) < _MOST_FACETS:
            found[row["filter"]].append([row["value"], row["conversations"]])
    return found
