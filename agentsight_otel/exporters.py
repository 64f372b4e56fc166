"""Direct export to ClickHouse, and what an exporter of your own may raise."""

from agentsight_otel._export.clickhouse import ClickHouseSpanExporter
from agentsight_otel._export.errors import PermanentExportError, RequestTooLargeError, RetryLaterError

__all__ = ["ClickHouseSpanExporter", "PermanentExportError", "RequestTooLargeError", "RetryLaterError"]
