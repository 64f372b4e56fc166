"""The metric views, queried for one window and its filters: as dictionaries, or as dataclasses and data frames.

with Metrics("http://reader:secret@clickhouse:8123/agentsight") as metrics:
    print(metrics.device_usage(window).to_pandas())
"""

from agentsight_otel.clickhouse.export import Selection
from agentsight_otel.clickhouse.metrics import METRICS, Report, fetch, query
from agentsight_otel.clickhouse.typed import AsyncMetrics, Metrics, Table, rows
from agentsight_otel.clickhouse.typed.table import Rows
from agentsight_otel.clickhouse.window import FILTERS, Window, check_timezone, query_parameters, view_call

__all__ = [
    "FILTERS",
    "METRICS",
    "AsyncMetrics",
    "Metrics",
    "Report",
    "Rows",
    "Selection",
    "Table",
    "Window",
    "check_timezone",
    "fetch",
    "query",
    "query_parameters",
    "rows",
    "view_call",
]
