"""init() without anything else sends OTLP, as the standard variables say."""

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import agentsight_otel as agentsight


class Receiver(BaseHTTPRequestHandler):
    """A receiver that is away for the first request, and then takes all."""

    received: list[str]
    refuse: int

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if type(self).refuse:
            type(self).refuse -= 1
            self.send_response(503)
            self.end_headers()
            return
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                type(self).received += [span.name for span in scope.spans]
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[ThreadingHTTPServer]:
    Receiver.received, Receiver.refuse = [], 1
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_spans_arrive_by_otlp_although_the_receiver_was_away_at_first(
    receiver: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{receiver.server_port}")
    agentsight.init(service_name="agent", set_global=False)
    with agentsight.conversation("c1"), agentsight.turn(agent="bot"), agentsight.tool("search"):
        agentsight.user_message("hi")
    assert agentsight.flush(timeout_s=60)
    assert Receiver.received == ["execute_tool search", "invoke_agent bot"]
    assert agentsight.shutdown()


@pytest.mark.parametrize(
    ("name", "value"), [("OTEL_TRACES_EXPORTER", "zipkin"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")]
)
def test_what_the_standard_variables_cannot_mean_is_a_clear_error(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(agentsight.SettingError, match=f"{name}: '{value}': expected"):
        agentsight.init(set_global=False)


def test_grpc_where_the_standard_variables_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from agentsight_otel import setup

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    monkeypatch.setenv("AGENTSIGHT_SHUTDOWN_TIMEOUT_S", "0")
    agentsight.init(set_global=False)
    assert setup._delivery is not None
    assert "grpc" in type(setup._delivery._exporter).__module__
    agentsight.shutdown()
