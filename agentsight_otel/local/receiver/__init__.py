"""A small OTLP receiver, used where no OpenTelemetry Collector is installed: from gRPC and HTTP into ClickHouse."""

from agentsight_otel.local.receiver.errors import Refused, Unavailable
from agentsight_otel.local.receiver.grpc_server import start_grpc
from agentsight_otel.local.receiver.http_app import http_app
from agentsight_otel.local.receiver.intake import Intake
from agentsight_otel.local.receiver.memory import keep_memory_low
from agentsight_otel.local.receiver.writer import Writer

__all__ = ["Intake", "Refused", "Unavailable", "Writer", "http_app", "keep_memory_low", "start_grpc"]
