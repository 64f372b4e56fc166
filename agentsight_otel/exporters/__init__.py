"""Direct export to ClickHouse: the rows that the OpenTelemetry Collector's ClickHouse exporter writes."""

from agentsight_otel.exporters.clickhouse import ClickHouseSpanExporter

__all__ = ["ClickHouseSpanExporter"]
