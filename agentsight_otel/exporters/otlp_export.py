"""OTLP by OpenTelemetry's own exporters, whose every attempt is one attempt and whose failures say what they were.

The stock exporters encode, compress, authenticate and send. They also retry for some seconds, then give up and tell
their caller no more than "failure". Here their connection is wrapped: the first answer that is not a success leaves
as an exception of ``export_errors``, which ends their loop, so that ``DeliveryProcessor`` alone decides.
"""

import functools
import importlib
import inspect
import logging
import os
import re
import threading
import time
import weakref
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from importlib.metadata import entry_points
from typing import Any, Literal

from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from agentsight_otel._guard import guard
from agentsight_otel.export_errors import (
    DoubtfulExportError,
    PartlyRefusedError,
    PermanentExportError,
    RequestTooLargeError,
    RetryLaterError,
    UnencodableSpanError,
)

Protocol = Literal["grpc", "http/protobuf"]

_STOCK_LOGGERS = (
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.proto.common._internal",
    "opentelemetry.exporter.otlp.common.http",
)
_USED_LATER = ("requests", "netrc", "encodings.idna", "google.rpc.status_pb2", "google.rpc.error_details_pb2")
_asking = threading.local()


class _Quiet(logging.Filter):
    """Keeps what the stock exporters log from our attempts: an error for each, while one warning is ours to give."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not getattr(_asking, "quiet", False)


@contextmanager
def _quiet() -> Iterator[None]:
    _asking.quiet = True
    try:
        yield
    finally:
        _asking.quiet = False


_QUIET = _Quiet()


class OtlpSpanExporter(SpanExporter):
    """Sends batches with one of OpenTelemetry's OTLP exporters; where to, the ``OTEL_EXPORTER_OTLP_*`` variables say.

    It connects at the first export, and anew after a fork. Run it under ``DeliveryProcessor``.

    Args:
        timeout_s: For one attempt, in seconds.
        max_request_bytes: The largest request, in bytes before compression.
    """

    component_type: str
    """The semantic conventions' name of it, for self-metrics."""

    def __init__(self, *, timeout_s: float = 10.0, max_request_bytes: int = 3_670_016) -> None:
        self._timeout_s = timeout_s
        self._max_request_bytes = max_request_bytes
        # Imported now, and not in the background: a process forked amid an import waits for that module for ever. At
        # exit, where the first span may end, gRPC can no longer be imported either.
        self._kind = self._stock_kind()
        for name in _USED_LATER:
            with suppress(ImportError):
                importlib.import_module(name)
        self._stock: SpanExporter | None = None
        self._outgrown: list[SpanExporter] = []
        self._attempted = False
        self._outcome: Exception | None = None
        for name in _STOCK_LOGGERS:
            logging.getLogger(name).addFilter(_QUIET)

    @staticmethod
    @abstractmethod
    def _stock_kind() -> Any:
        """The class of the stock exporter."""

    @abstractmethod
    def _connect(self) -> SpanExporter:
        """A stock exporter that asks ``_answered`` about every answer."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Sends a batch, once.

        Returns:
            SUCCESS, once the receiver has acknowledged it.

        Raises:
            PermanentExportError: The receiver refuses the data, or it cannot be encoded.
            PartlyRefusedError: The receiver refuses some of it and has taken the rest.
            RetryLaterError: The receiver is busy.
            Exception: It cannot be reached; worth another try.
        """
        self._attempted, self._outcome = False, None
        with _quiet():
            stock = self._stock = self._stock or self._connect()
            try:
                result = stock.export(spans)
            except Exception as error:
                if self._outcome is None:
                    raise (error if self._attempted else UnencodableSpanError(_said(error))) from error
                result = SpanExportResult.FAILURE
        if self._outcome is not None:
            if isinstance(self._outcome, ConnectionError):
                # A gRPC channel that lost its peer waits ever longer before it tries again; a new one tries at once.
                self._disconnect()
            raise self._outcome
        if result is SpanExportResult.SUCCESS:
            return result
        if not self._attempted:
            raise UnencodableSpanError("the spans could not be encoded")
        raise ConnectionError("the exporter reported a failure")

    def _ask(self, ask: Callable[[], Any], problem_of: Callable[[Any], Exception | None]) -> Any:
        """Makes one attempt; raises what the answer means, unless it means success."""
        self._attempted = True
        try:
            answer = ask()
        except Exception as error:
            self._outcome = problem_of(error)
        else:
            self._outcome = problem_of(answer)
            if self._outcome is None or isinstance(self._outcome, PartlyRefusedError):
                return answer
        raise _Answered

    def _check_size(self, size: int) -> None:
        if size > self._max_request_bytes:
            self._attempted = True
            self._outcome = RequestTooLargeError(f"a request of {size} bytes")
            raise _Answered

    def start_anew(self) -> None:
        """For a forked child: its parent's connections are not its own."""
        if self._stock is not None:
            self._outgrown.append(self._stock)  # kept, because closing it would write on the parent's connection
        self._stock = None

    def shutdown(self) -> None:
        """Closes the connection; a request under way over gRPC ends."""
        self._disconnect()

    def _disconnect(self) -> None:
        stock, self._stock = self._stock, None
        if stock is not None:
            # OpenTelemetry 1.30 waits here for a request under way unless told how long.
            bounded = "timeout_millis" in inspect.signature(stock.shutdown).parameters
            with guard("closing an exporter"), _quiet():
                stock.shutdown(**({"timeout_millis": 0} if bounded else {}))

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is kept back here."""
        return True


class _Answered(Exception):
    """Ends the stock exporter's own loop of retries; ``_outcome`` has the answer."""


class OtlpHttpSpanExporter(OtlpSpanExporter):
    """OTLP over HTTP, protobuf."""

    component_type = "otlp_http_span_exporter"

    @staticmethod
    def _stock_kind() -> Any:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter

    def _connect(self) -> SpanExporter:
        session = _provided_session()
        session.request = functools.partial(self._request, session.request)
        return _built(self._kind, timeout=self._timeout_s, session=session)

    def _request(self, request: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        data = kwargs.get("data")
        headers = kwargs.get("headers") or {}
        if isinstance(data, bytes) and "content-encoding" not in map(str.lower, headers):
            self._check_size(len(data))
        kwargs["timeout"] = self._timeout_s
        kwargs["allow_redirects"] = False  # a POST that is redirected arrives as a GET, and its spans nowhere
        return self._ask(lambda: request(*args, **kwargs), _http_problem)


def _provided_session() -> Any:
    """The session of the credential provider that the environment names, as the stock exporter would load it."""
    import requests

    name = os.environ.get("OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER") or os.environ.get(
        "OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER"
    )
    for provider in entry_points(group="opentelemetry_otlp_credential_provider", name=name) if name else ():
        return provider.load()()
    return requests.Session()


_HTTP_REFUSING = frozenset({400, 422})
_HTTP_TOO_LARGE = 413
_HTTP_PASSING = frozenset({408, 425, 429, 502, 503, 504})


def _http_problem(answer: Any) -> Exception | None:
    if isinstance(answer, Exception):
        return ConnectionError(_said(answer))
    status = int(answer.status_code)
    if 200 <= status < 300:
        return _partly_refused(_parsed(answer.content))
    said = f"HTTP {status} {answer.reason or ''}: {_text_of(answer.content)}".rstrip(": ")
    if status == _HTTP_TOO_LARGE:
        return RequestTooLargeError(said)
    if status in _HTTP_REFUSING:
        return PermanentExportError(said)
    if status in _HTTP_PASSING:
        return RetryLaterError(said, _retry_after_s(answer.headers.get("Retry-After")))
    if status >= 500:
        return DoubtfulExportError(said)
    # A redirection, a login or an address that is wrong: the configuration's fault, not that of the spans.
    return ConnectionError(said)


def _parsed(content: bytes) -> ExportTraceServiceResponse | None:
    try:
        response: ExportTraceServiceResponse = ExportTraceServiceResponse.FromString(content)
        return response
    except Exception:  # some receivers answer in JSON or plain text; they took it all the same
        return None


def _text_of(content: bytes) -> str:
    try:
        from google.rpc.status_pb2 import Status

        return Status.FromString(content).message[:300] or content[:300].decode("utf-8", "replace")
    except Exception:
        return content[:300].decode("utf-8", "replace").strip()


def _retry_after_s(value: str | None) -> float | None:
    if not value:
        return None
    try:
        return max(float(value), 0.0)
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (TypeError, ValueError):
        return None


_FORK_WAITS_S = 1.0
_over_grpc: "weakref.WeakSet[OtlpGrpcSpanExporter]" = weakref.WeakSet()
_forking = threading.local()


def _before_fork() -> None:
    _forking.held = []
    with guard("waiting before a fork"):
        _forking.held += [
            lock for each in list(_over_grpc) for lock in [each.under_way] if lock.acquire(timeout=_FORK_WAITS_S)
        ]


def _in_parent() -> None:
    for lock in _forking.held:
        lock.release()


def _in_child() -> None:
    for each in list(_over_grpc):
        each.under_way = threading.Lock()  # whoever held it is not here


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)


class OtlpGrpcSpanExporter(OtlpSpanExporter):
    """OTLP over gRPC.

    A fork waits until a request under way is over, at most a second: gRPC prepares itself for a fork only while no
    thread is inside it, and in a child of any other its requests may all fail.
    """

    component_type = "otlp_grpc_span_exporter"

    def __init__(self, *, timeout_s: float = 10.0, max_request_bytes: int = 3_670_016) -> None:
        super().__init__(timeout_s=timeout_s, max_request_bytes=max_request_bytes)
        self.under_way = threading.Lock()
        _over_grpc.add(self)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """As of ``OtlpSpanExporter``."""
        with self.under_way:
            return super().export(spans)

    @staticmethod
    def _stock_kind() -> Any:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        # gRPC leaves it to the first channel; a fork amid that would leave the child half a module for ever.
        with suppress(ImportError):
            importlib.import_module("grpc._channel")
        return OTLPSpanExporter

    def _connect(self) -> SpanExporter:
        stock = _built(self._kind, timeout=max(int(self._timeout_s), 1))
        stub = stock._client  # type: ignore[attr-defined]
        stock._client = _Stub(functools.partial(self._request, stub.Export))  # type: ignore[attr-defined]
        return stock

    def _request(self, export: Callable[..., Any], request: Any, metadata: Any) -> Any:
        self._check_size(request.ByteSize())
        return self._ask(lambda: export(request=request, metadata=metadata, timeout=self._timeout_s), _grpc_problem)


class _Stub:
    """What the stock exporter calls instead of gRPC's stub."""

    def __init__(self, request: Callable[..., Any]) -> None:
        self._request = request

    def Export(self, request: Any, metadata: Any = None, **more: Any) -> Any:
        return self._request(request, metadata)


_GRPC_REFUSING = frozenset({"INVALID_ARGUMENT", "FAILED_PRECONDITION", "ALREADY_EXISTS"})
_GRPC_DOUBTFUL = frozenset({"INTERNAL", "UNKNOWN", "DATA_LOSS", "OUT_OF_RANGE"})
_GRPC_PASSING = frozenset({"RESOURCE_EXHAUSTED", "ABORTED"})
_GRPC_TOO_LARGE = re.compile(r"larger than max|exceeds maximum", re.IGNORECASE)


def _grpc_problem(answer: Any) -> Exception | None:
    if not isinstance(answer, Exception):
        return _partly_refused(answer)
    error: Any = answer
    code = error.code().name if callable(getattr(error, "code", None)) and error.code() is not None else ""
    details = str(error.details() or "") if callable(getattr(error, "details", None)) else str(error)
    said = f"gRPC {code or type(error).__name__}: {details[:300]}".rstrip(": ")
    if code == "RESOURCE_EXHAUSTED" and _GRPC_TOO_LARGE.search(details):
        return RequestTooLargeError(said)
    if code in _GRPC_REFUSING:
        return PermanentExportError(said)
    if code in _GRPC_DOUBTFUL:
        return DoubtfulExportError(said)
    pause_s = _retry_info_s(error)
    if code in _GRPC_PASSING or pause_s is not None:
        return RetryLaterError(said, pause_s)
    return ConnectionError(said)


def _retry_info_s(error: Any) -> float | None:
    """The pause that the receiver asks for: in the status' details, or in the trailer that Python's exporters read."""
    try:
        from google.rpc.error_details_pb2 import RetryInfo
        from google.rpc.status_pb2 import Status

        trailers = dict(error.trailing_metadata() or ())
        found = RetryInfo()
        if "google.rpc.retryinfo-bin" in trailers:
            found.ParseFromString(trailers["google.rpc.retryinfo-bin"])
        elif "grpc-status-details-bin" in trailers:
            details = Status.FromString(trailers["grpc-status-details-bin"]).details
            if not any(detail.Unpack(found) for detail in details):
                return None
        else:
            return None
        seconds: float = found.retry_delay.seconds + found.retry_delay.nanos / 1e9
        return seconds
    except Exception:
        return None


def _partly_refused(response: Any) -> Exception | None:
    partial = getattr(response, "partial_success", None)
    if partial is None or partial.rejected_spans <= 0:
        return None
    return PartlyRefusedError(partial.error_message or "the receiver gave no reason", partial.rejected_spans)


def _built(kind: Any, **arguments: Any) -> SpanExporter:
    if "meter_provider" in inspect.signature(kind).parameters:
        arguments["meter_provider"] = NoOpMeterProvider()  # an attempt is not an export: ours counts those
    built: SpanExporter = kind(**arguments)
    return built


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:300]
