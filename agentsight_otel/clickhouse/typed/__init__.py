"""The metric views and the grain views as methods that return dataclasses."""

from agentsight_otel.clickhouse.typed import rows
from agentsight_otel.clickhouse.typed.clients import AsyncMetrics, Metrics
from agentsight_otel.clickhouse.typed.table import Table

__all__ = ["AsyncMetrics", "Metrics", "Table", "rows"]
