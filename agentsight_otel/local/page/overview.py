"""The 15 metrics of a window and of the one before it, in a dozen queries instead of one for each.

Data that several metrics need is read once, by views that tests compare with the metrics' own: a query takes longer to
plan than to run, and each would read the same conversations. The other metrics use the typed client's methods.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from agentsight_otel.clickhouse.catalogue import BY_VIEW, CATALOGUE
from agentsight_otel.clickhouse.typed.questions import Question
from agentsight_otel.clickhouse.typed.table import Rows, Table
from agentsight_otel.clickhouse.typed.views import AsyncViews
from agentsight_otel.clickhouse.window import FILTERS, Window, query_parameters, view_call

T = TypeVar("T")

Part = dict[str, Any]
"""``{"view", "rows", "previous"}``, with None for previous where the view has several rows; or ``{"facets"}``."""
Query = tuple[str, dict[str, Any]]
Ask = Callable[[str, dict[str, Any]], Awaitable[Rows]]
Answer = tuple[Callable[..., list[Part]], list[Coroutine[Any, Any, Rows]]]
"""A function that turns the rows of some queries into parts, and the queries."""

_MOST_FACETS = 200
_MOST_VALUES, _MOST_CHARACTERS = 200, 300
OTHERS = "(others)"
"""Stands for all values of a filter, or all tools, beyond the most frequent ones."""

_BY_VALUE = {metric.columns[0].name: metric.view for metric in CATALOGUE if metric.columns[0].name in FILTERS}
"""The metrics that count conversations by a field that they can be filtered by, by the field."""


async def overview(ask: Ask, window: Window) -> AsyncIterator[Part]:
    """The metrics, each as soon as its query is answered, and the values of the filters.

    Args:
        ask: Runs a query with its parameters.
        window: The window and its filters.
    """
    started: list[asyncio.Task[Any]] = []
    try:
        answers = []
        for parts, queries in _answers(_PageViews(ask), window):
            # A task for each query, because queries run in the order in which their tasks are created.
            tasks = [asyncio.create_task(query) for query in queries]
            started += tasks
            answers.append(asyncio.create_task(_parts(parts, tasks)))
        started += answers
        for done in asyncio.as_completed(answers):
            for part in await done:
                yield part
    finally:
        for task in started:
            task.cancel()
        await asyncio.gather(*started, return_exceptions=True)


class _PageViews(AsyncViews):
    """The typed client's methods over the page's queries: few run at a time, and end when nobody waits for them."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def ask(self, question: Question[T]) -> Table[T]:
        rows = await self.rows(question.sql, question.parameters)
        return Table(question.kind, [tuple(row.values()) for row in rows])

    def stream(self, question: Question[T]) -> AsyncIterator[T]:
        raise NotImplementedError("the page shows a part at a time")

    async def rows(self, sql: str, parameters: dict[str, Any]) -> Rows:
        """The rows of a query that is no metric's own view."""
        return await self._ask(sql, parameters)

    async def whole(self, view: str, window: Window) -> Rows:
        """A metric's rows."""
        return (await self.metric(view, window)).rows()


def _answers(views: _PageViews, window: Window) -> list[Answer]:
    """The queries in the order in which they are run: single figures first, which people read first, slowest first."""
    before = window.before()
    is_filtered = any(window.filters.values())
    answers: list[Answer] = [
        (_of_messages, [views.rows(*_query("window_times", window)), views.whole("metric_total_messages", before)]),
        (_of_conversations, [views.rows(*_query("overview_conversations", each)) for each in (window, before)]),
    ]
    for view in ("metric_agent_response_time", "metric_unique_interaction", "metric_conversation_feedback"):
        answers.append((partial(_whole, view), [views.whole(view, each) for each in (window, before)]))
    answers.append((partial(_of_values, with_facets=not is_filtered), [views.rows(*_values_query(window))]))
    answers.append((partial(_whole, "metric_tool_usage"), [views.rows(*_tools_query(window))]))
    if is_filtered:
        answers.append((_facet_part, [views.rows(*_facets_query(window))]))
    return answers


async def facets(ask: Ask, window: Window) -> dict[str, list[list[Any]]]:
    """For each filter, the values of the window's conversations with their numbers, the most frequent first."""
    return _facets(await ask(*_facets_query(window)))


async def _parts(parts: Callable[..., list[Part]], tasks: list[asyncio.Task[Rows]]) -> list[Part]:
    return parts(*await asyncio.gather(*tasks))


def _query(view: str, window: Window) -> Query:
    return f"SELECT * FROM {view_call(view)}", query_parameters(window)


def _values_query(window: Window) -> Query:
    """The query of the most frequent values of each filter; all others are counted as ``OTHERS``."""
    sql, parameters = _query("filter_values", window)
    ranked = (
        f"SELECT *, row_number() OVER (PARTITION BY filter ORDER BY conversations DESC, value) AS place FROM ({sql})"
    )
    return (
        f"SELECT filter, least(place, {_MOST_VALUES + 1}) AS rank, if(rank > {_MOST_VALUES}, '{OTHERS}',"
        f" substringUTF8(any(value), 1, {_MOST_CHARACTERS})) AS value, sum(conversations) AS conversations"
        f" FROM ({ranked}) GROUP BY filter, rank ORDER BY filter, rank"
    ), parameters


def _tools_query(window: Window) -> Query:
    sql, parameters = _query("metric_tool_usage", window)
    ranked = f"SELECT *, row_number() OVER (ORDER BY calls DESC, tool) AS place FROM ({sql})"
    return (
        f"SELECT if(rank > {_MOST_VALUES}, '{OTHERS}', substringUTF8(any(tool), 1, {_MOST_CHARACTERS})) AS tool,"
        " sum(t.calls) AS calls, sum(t.errors) AS errors,"
        " if(count() = 1, any(t.average_s), sum(t.average_s * t.calls) / sum(t.calls)) AS average_s,"
        " if(count() = 1, any(t.p95_s), NULL) AS p95_s"
        f" FROM (SELECT *, least(place, {_MOST_VALUES + 1}) AS rank FROM ({ranked})) AS t GROUP BY rank ORDER BY rank"
    ), parameters


def _facets_query(window: Window) -> Query:
    sql, parameters = _query("filter_values", Window(window.start, window.end, window.timezone))
    cut = f"substringUTF8(value, 1, {_MOST_CHARACTERS}) AS value"
    return f"SELECT * REPLACE ({cut}) FROM ({sql} LIMIT {_MOST_FACETS} BY filter)", parameters


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
    return [_part(view, now, before if BY_VIEW[view].is_scalar else None) for view, now in by_view.items()]


def _of_values(values: Rows, *, with_facets: bool) -> list[Part]:
    by_view: dict[str, Rows] = {view: [] for view in _BY_VALUE.values()}
    for row in values:
        if row["filter"] in _BY_VALUE:
            counts = by_view[_BY_VALUE[row["filter"]]]
            counts.append({row["filter"]: row["value"], "conversations": row["conversations"]})
    parts = [_part(view, rows) for view, rows in by_view.items()]
    return [*parts, *_facet_part(values)] if with_facets else parts


def _facet_part(values: Rows) -> list[Part]:
    return [{"facets": _facets(values)}]


def _facets(values: Rows) -> dict[str, list[list[Any]]]:
    by_filter: dict[str, list[list[Any]]] = {name: [] for name in FILTERS}
    for row in values:
        if len(by_filter[row["filter"]]) < _MOST_FACETS and row["value"] != OTHERS:
            by_filter[row["filter"]].append([row["value"], row["conversations"]])
    return by_filter
