"""A small OTLP receiver, for where there is no OpenTelemetry Collector: gRPC and HTTP in, ClickHouse out."""

from agentsight_otel.local.receiver.grpc_server import start_grpc
from agentsight_otel.local.receiver.http_app import http_app
from agentsight_otel.local.receiver.writer import Refused, Unavailable, Writer

__all__ = ["Refused", "Unavailable", "Writer", "http_app", "start_grpc"]
