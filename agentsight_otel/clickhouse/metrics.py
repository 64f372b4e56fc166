"""The 15 metrics of a window, with those of the window before, for the command line and for reports."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import Any

from agentsight_otel.clickhouse.catalogue import BY_VIEW
from agentsight_otel.clickhouse.typed.clients import Metrics
from agentsight_otel.clickhouse.typed.table import Rows, Table
from agentsight_otel.clickhouse.typed.views import question
from agentsight_otel.clickhouse.window import FILTERS, Window, iso

METRICS = tuple(BY_VIEW)
"""The metric views, in the contract's order."""

_CONCURRENT_QUERIES = 4


@dataclass(frozen=True)
class Report:
    """All 15 metrics of a window and of the one before.

    Attributes:
        window: The window.
        metrics: The rows of each view; a row is keyed by the view's columns.
        previous: The rows of each view for the window before.
    """

    window: Window
    metrics: dict[str, Rows]
    previous: dict[str, Rows]

    def as_json(self) -> dict[str, Any]:
        """The report as plain values, with times and days in ISO 8601."""
        return {
            "from": iso(self.window.start),
            "to": iso(self.window.end),
            "timezone": self.window.timezone,
            "filters": {name: list(self.window.filters.get(name, ())) for name in FILTERS},
            "metrics": {view: [_plain(row) for row in rows] for view, rows in self.metrics.items()},
            "previous": {view: [_plain(row) for row in rows] for view, rows in self.previous.items()},
        }


def fetch(url: str, window: Window) -> Report:
    """All 15 metrics of a window and of the one before it.

    Raises:
        SchemaNotApplied, SchemaNewer: The database does not have this version's views.
        ClickHouseConnectionError: ClickHouse cannot be reached, or refuses the login.
    """
    queries = [(part, view) for part in (window, window.before()) for view in METRICS]
    with Metrics(url) as client, ThreadPoolExecutor(_CONCURRENT_QUERIES, "agentsight-metrics") as threads:
        answers = list(threads.map(lambda query: client.metric(query[1], query[0]).rows(), queries))
    return Report(
        window, dict(zip(METRICS, answers, strict=False)), dict(zip(METRICS, answers[len(METRICS) :], strict=True))
    )


def query(client: Any, view: str, window: Window) -> Rows:
    """One metric's rows, keyed by the view's columns.

    Args:
        client: A clickhouse-connect client in the database with the views.
        view: One of ``METRICS``, or ``model_usage``.
        window: The window and its filters.

    Raises:
        ValueError: There is no such view.
    """
    metric = question(view, window)
    return Table(metric.kind, client.query(metric.sql, parameters=metric.parameters).result_rows).rows()


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {column: value.isoformat() if isinstance(value, date) else value for column, value in row.items()}
