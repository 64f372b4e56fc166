"""OTLP over HTTP by hand: spans to bytes, bytes to a receiver, and a sender that never gives up."""

import http.client
import random
import threading
import time
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from tests.sql.model import Span

RETRYABLE = (429, 502, 503, 504)
"""HTTP statuses after which OTLP's specification says: again."""

_STATUS = {"Unset": "STATUS_CODE_UNSET", "Ok": "STATUS_CODE_OK", "Error": "STATUS_CODE_ERROR"}


def encode(spans: Iterable[Span]) -> bytes:
    """One OTLP request. The spans of one service and resource share a ResourceSpans."""
    request = ExportTraceServiceRequest()
    scopes: dict[tuple[str, tuple[tuple[str, str], ...]], trace_pb2.ScopeSpans] = {}
    for span in spans:
        origin = span.service, tuple(span.resource.items())
        if origin not in scopes:
            resource = request.resource_spans.add()
            resource.resource.attributes.extend(_attributes({"service.name": span.service, **span.resource}))
            scopes[origin] = resource.scope_spans.add()
            scopes[origin].scope.name = "agentsight_otel"
        scopes[origin].spans.append(
            trace_pb2.Span(
                trace_id=bytes.fromhex(span.trace_id),
                span_id=bytes.fromhex(span.span_id),
                name=span.name,
                kind=trace_pb2.Span.SPAN_KIND_INTERNAL,
                start_time_unix_nano=span.start_ns,
                end_time_unix_nano=span.start_ns + span.duration_ns,
                attributes=_attributes(span.attributes),
                status=trace_pb2.Status(code=trace_pb2.Status.StatusCode.Value(_STATUS[span.status])),
                events=[
                    trace_pb2.Span.Event(
                        time_unix_nano=event.at_ns, name=event.name, attributes=_attributes(event.attributes)
                    )
                    for event in span.events
                ],
            )
        )
    return request.SerializeToString()


def _attributes(values: dict[str, str]) -> list[KeyValue]:
    return [KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in values.items()]


class Connection:
    """A kept-alive connection to a receiver's ``/v1/traces``.

    Args:
        url: Its base, ``http://host:port``.
        timeout_s: For one answer.
    """

    def __init__(self, url: str, timeout_s: float = 60.0) -> None:
        address = urlsplit(url)
        assert address.hostname is not None
        self._connection = http.client.HTTPConnection(address.hostname, address.port, timeout=timeout_s)

    def post(self, body: bytes, headers: dict[str, str] | None = None) -> int:
        """Sends one request and returns the HTTP status; 0 where the receiver is away or the connection was cut."""
        try:
            self._connection.request(
                "POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf", **(headers or {})}
            )
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            return 0
        return answer.status

    def close(self) -> None:
        """Closes it; the next ``post`` opens it again."""
        self._connection.close()


class Sender:
    """Threads that send request after request, each as often as it takes to be accepted, as the specification asks.

    Args:
        url: The receiver's base URL.
        next_request: Makes a request and says how many spans it has; None when there is nothing more. Called by one
            thread at a time.
        threads: How many send at once.
        pause_s: After each request that was accepted; a rate.
    """

    def __init__(
        self, url: str, next_request: Callable[[], tuple[bytes, int] | None], threads: int = 1, pause_s: float = 0.0
    ) -> None:
        self.accepted = 0
        self.retries = 0
        self._url = url
        self._next_request = next_request
        self._pause_s = pause_s
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._errors: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def __enter__(self) -> "Sender":
        """Starts."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        """Finishes what is being sent, and stops."""
        self._stopped.set()
        if exc[0] is None:
            self.join()

    def join(self, timeout_s: float = 120.0) -> None:
        """Returns when all is accepted that was begun; fails where that takes too long."""
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))
            assert not thread.is_alive(), f"not accepted within {timeout_s:g} s"
        if self._errors:
            raise self._errors[0]

    def _run(self) -> None:
        try:
            connection = Connection(self._url)
            while not self._stopped.is_set():
                with self._lock:
                    request = self._next_request()
                if request is None:
                    return
                self._send(connection, *request)
                time.sleep(self._pause_s)
        except BaseException as error:
            self._errors.append(error)

    def _send(self, connection: Connection, body: bytes, spans: int) -> None:
        pause_s = 0.05
        while (status := connection.post(body)) != 200:
            assert status in (0, *RETRYABLE), f"refused for good: {status}"
            with self._lock:
                self.retries += 1
            time.sleep(pause_s * random.uniform(0.5, 1.5))
            pause_s = min(pause_s * 2, 1.0)
        with self._lock:
            self.accepted += spans
