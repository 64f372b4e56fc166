"""An OTLP/HTTP receiver that keeps the spans it is sent, for tests of whole programs."""

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Received:
    """One span."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    scope: str
    service: str
    attributes: dict[str, Any]
    events: list[dict[str, Any]]


@dataclass
class Receiver:
    """Where it listens, and what it got."""

    endpoint: str = ""
    spans: list[Received] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def wait_for(self, condition: Callable[[list[Received]], object], within_s: float = 60) -> list[Received]:
        """The spans, as soon as they are as wanted.

        Raises:
            AssertionError: They are not in time.
        """
        deadline = time.monotonic() + within_s
        while not condition(self.spans):
            assert time.monotonic() < deadline, f"not in time; received {[span.name for span in self.spans]}"
            time.sleep(0.02)
        return list(self.spans)

    def named(self, name: str) -> Received:
        """The one span of that name."""
        [found] = [span for span in self.spans if span.name == name]
        return found


@contextmanager
def otlp_receiver() -> Iterator[Receiver]:
    """Runs it on a free port."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path == "/v1/traces":
                receiver.bodies.append(body)
                receiver.spans.extend(_spans(ExportTraceServiceRequest.FromString(body)))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _spans(request: ExportTraceServiceRequest) -> Iterator[Received]:
    for resource_spans in request.resource_spans:
        service = _attributes(resource_spans.resource.attributes).get("service.name", "")
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield Received(
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    scope_spans.scope.name,
                    service,
                    _attributes(span.attributes),
                    [{"name": event.name, **_attributes(event.attributes)} for event in span.events],
                )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value") for pair in pairs}
