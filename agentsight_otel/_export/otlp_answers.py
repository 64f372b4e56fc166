"""Turns a receiver's response to an OTLP request into an error that says how the batch is handled."""

import re
import time
from email.utils import parsedate_to_datetime
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from agentsight_otel._export.errors import (
    DoubtfulExportError,
    NoReceiverError,
    PartlyRefusedError,
    PermanentExportError,
    RequestTooLargeError,
    RetryLaterError,
    why_nobody_listens,
)

UNREACHABLE = (ConnectionError, NoReceiverError)
"""The errors of requests to which no OTLP receiver responded."""

_REMEDY = (
    "Start a receiver, for example by `agentsight-otel up`, or set OTEL_EXPORTER_OTLP_ENDPOINT to the address of yours."
)
_HTTP_REFUSING = frozenset({400, 422})
_HTTP_TOO_LARGE = 413
_HTTP_PASSING = frozenset({408, 425, 429, 502, 503, 504})
_GRPC_REFUSING = frozenset({"INVALID_ARGUMENT", "FAILED_PRECONDITION", "ALREADY_EXISTS"})
_GRPC_DOUBTFUL = frozenset({"INTERNAL", "UNKNOWN", "DATA_LOSS", "OUT_OF_RANGE"})
_GRPC_PASSING = frozenset({"RESOURCE_EXHAUSTED", "ABORTED"})
_GRPC_TOO_LARGE = re.compile(r"larger than max|exceeds maximum", re.IGNORECASE)
_GRPC_NOBODY = re.compile(r"connection refused|name resolution|dns resolution|could not contact dns", re.IGNORECASE)


def unreachable(endpoint: str, error: Exception) -> Exception:
    """The error for an HTTP request without a response."""
    if reason := why_nobody_listens(error):
        return nobody(endpoint, reason)
    return ConnectionError(f"{_without_login(endpoint)}: {type(error).__name__}: {error}"[:300])


def nobody(endpoint: str, reason: str) -> NoReceiverError:
    """The error where nothing listens at the endpoint."""
    return NoReceiverError(f"no receiver answers at {_without_login(endpoint)} ({reason})", _REMEDY)


def _without_login(endpoint: str) -> str:
    return re.sub(r"//[^/]*@", "//", endpoint)


def http_problem(endpoint: str, answer: Any) -> Exception | None:
    """The error for an HTTP response; None where the receiver took all spans."""
    status = int(answer.status_code)
    if 200 <= status < 300:
        return partly_refused(_parsed(answer.content))
    message = f"HTTP {status} {answer.reason or ''}: {_text_of(answer.content)}".rstrip(": ")
    if status == _HTTP_TOO_LARGE:
        return RequestTooLargeError(message)
    if status in _HTTP_REFUSING:
        return PermanentExportError(message)
    if status in _HTTP_PASSING:
        return RetryLaterError(message, _retry_after_s(answer.headers.get("Retry-After")))
    if status >= 500:
        return DoubtfulExportError(message)
    # A redirection, or a wrong login or address: an error of the configuration, not of the spans.
    return ConnectionError(f"{_without_login(endpoint)}: {message}")


def _parsed(content: bytes) -> ExportTraceServiceResponse | None:
    try:
        response: ExportTraceServiceResponse = ExportTraceServiceResponse.FromString(content)
        return response
    except Exception:  # some receivers respond in JSON or plain text, and have taken the spans
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


def grpc_problem(endpoint: str, error: Any) -> Exception:
    """The error of delivery for an error of gRPC."""
    code = error.code().name if callable(getattr(error, "code", None)) and error.code() is not None else ""
    details = str(error.details() or "") if callable(getattr(error, "details", None)) else str(error)
    message = f"gRPC {code or type(error).__name__}: {details[:300]}".rstrip(": ")
    if code == "RESOURCE_EXHAUSTED" and _GRPC_TOO_LARGE.search(details):
        return RequestTooLargeError(message)
    if code in _GRPC_REFUSING:
        return PermanentExportError(message)
    if code in _GRPC_DOUBTFUL:
        return DoubtfulExportError(message)
    pause_s = _retry_info_s(error)
    if code in _GRPC_PASSING or pause_s is not None:
        return RetryLaterError(message, pause_s)
    if code == "UNAVAILABLE" and (nobody_there := _GRPC_NOBODY.search(details)):
        return nobody(endpoint, nobody_there[0].lower())
    return ConnectionError(f"{_without_login(endpoint)}: {message}")


def _retry_info_s(error: Any) -> float | None:
    """The pause that the receiver asks for, in the status' details or in a trailer; None where it asks for none."""
    try:
        from google.rpc.error_details_pb2 import RetryInfo
        from google.rpc.status_pb2 import Status

        trailers = dict(error.trailing_metadata() or ())
        retry_info = RetryInfo()
        if "google.rpc.retryinfo-bin" in trailers:
            retry_info.ParseFromString(trailers["google.rpc.retryinfo-bin"])
        elif "grpc-status-details-bin" in trailers:
            details = Status.FromString(trailers["grpc-status-details-bin"]).details
            if not any(detail.Unpack(retry_info) for detail in details):
                return None
        else:
            return None
        seconds: float = retry_info.retry_delay.seconds + retry_info.retry_delay.nanos / 1e9
        return seconds
    except Exception:
        return None


def partly_refused(response: Any) -> PartlyRefusedError | None:
    """The error for a batch of which the receiver refused some spans; None where it took them all."""
    partial = getattr(response, "partial_success", None)
    if partial is None or partial.rejected_spans <= 0:
        return None
    return PartlyRefusedError(partial.error_message or "the receiver gave no reason", partial.rejected_spans)
