"""The receiver that benchmarks/attack.py attacks, and the honest senders beside."""

import contextlib
import http.client
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

PROTOBUF, JSON = "application/x-protobuf", "application/json"
PATH = "/v1/traces"
GRPC_PATH = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_RETRYABLE = (408, 429, 502, 503, 504)
_RETRYABLE_CODES = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.CANCELLED,
)


@dataclass
class Target:
    """The command, running.

    Attributes:
        process: Of `agentsight-otel up`.
        http_port: Of OTLP over HTTP.
        grpc_port: Of OTLP over gRPC.
    """

    process: "subprocess.Popen[str]"
    http_port: int
    grpc_port: int

    def peak_mib(self) -> float:
        """The most memory that it had since ``forget_peak``."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]

    def forget_peak(self) -> None:
        """Counts the peak anew."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")


@contextlib.contextmanager
def running() -> Iterator[Target]:
    """Starts the command on an empty folder, without a collector."""
    with tempfile.TemporaryDirectory() as home:
        ports = ("--port", "0", "--grpc-port", "0", "--http-port", "0")
        process = subprocess.Popen(
            [sys.executable, "-m", "agentsight_otel", "up", "--data", home, *ports],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OTELCOL": "", "PATH": "/usr/bin:/bin"},
        )
        assert process.stdout is not None
        printed = ""
        try:
            while "Ctrl-C" not in printed:
                line = process.stdout.readline()
                assert line, printed
                printed += line
            grpc_port, http_port = re.search(r":(\d+) \(gRPC\) and :(\d+) \(HTTP\)", printed).groups()  # type: ignore[union-attr]
            # The first request is slow: it connects to the database.
            while post(int(http_port), honest_body(), PROTOBUF) != 200:
                time.sleep(0.1)
            yield Target(process, int(http_port), int(grpc_port))
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def post(port: int, body: bytes, kind: str, timeout_s: float = 60, **headers: str) -> int:
    """The status that a request is answered with; 0 where there is no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request("POST", PATH, body, {"Content-Type": kind, **headers})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


@dataclass
class Honest:
    """A sender that does what OTLP asks for: it comes again when it is told to.

    Attributes:
        store: Sends a request, and returns whether it is stored; None where the sender is to come again.
        tries: How often each request was sent until it was stored; 0 = it was not.
        took_s: How long each took, all tries together.
    """

    store: Callable[[bytes], bool | None]
    tries: list[int] = field(default_factory=list)
    took_s: list[float] = field(default_factory=list)

    def send(self, until: Callable[[], bool]) -> None:
        """Sends ten requests a second."""
        while not until():
            began = time.monotonic()
            for number in range(1, 6):
                stored = self.store(honest_body())
                if stored is not None:
                    break
                time.sleep(0.2 * number)
            self.tries.append(number if stored else 0)
            self.took_s.append(time.monotonic() - began)
            time.sleep(max(0.0, 0.1 - self.took_s[-1]))

    @property
    def stored(self) -> int:
        """How many requests were stored."""
        return sum(tries > 0 for tries in self.tries)


def by_http(port: int) -> Honest:
    """An honest sender over HTTP."""

    def store(body: bytes) -> bool | None:
        status = post(port, body, PROTOBUF)
        return None if status in (0, *_RETRYABLE) else status == 200

    return Honest(store)


@contextlib.contextmanager
def by_grpc(port: int) -> Iterator[Honest]:
    """An honest sender over gRPC, with one channel for all its requests, as SDKs have."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        export = channel.unary_unary(GRPC_PATH)

        def store(body: bytes) -> bool | None:
            try:
                export(body, timeout=60)
            except grpc.RpcError as error:
                return None if error.code() in _RETRYABLE_CODES else False
            return True

        yield Honest(store)


def honest_body() -> bytes:
    """A turn, a tool call and a model call, as an SDK sends them."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.append(KeyValue(key="service.name", value=AnyValue(string_value="honest")))
    spans = resource.scope_spans.add().spans
    trace_id, now = secrets.token_bytes(16), time.time_ns()
    for name in ("invoke_agent", "execute_tool", "chat"):
        span = spans.add(trace_id=trace_id, span_id=secrets.token_bytes(8), name=name)
        span.start_time_unix_nano, span.end_time_unix_nano = now, now + 10**6
        for number in range(15):
            span.attributes.append(KeyValue(key=f"key.{number}", value=AnyValue(string_value="value" * 8)))
    return request.SerializeToString()
