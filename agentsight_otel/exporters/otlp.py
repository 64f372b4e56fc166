"""OTLP to rows: what a receiver gets becomes the rows that the collector's ClickHouse exporter would store of it."""

import base64
import binascii
import json
from collections.abc import Iterable
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from agentsight_otel.exporters.rows import attribute_texts

_SERVICE_NAME = "service.name"
_KINDS = {
    Span.SPAN_KIND_INTERNAL: "Internal",
    Span.SPAN_KIND_SERVER: "Server",
    Span.SPAN_KIND_CLIENT: "Client",
    Span.SPAN_KIND_PRODUCER: "Producer",
    Span.SPAN_KIND_CONSUMER: "Consumer",
}
_STATUSES = {Status.STATUS_CODE_OK: "Ok", Status.STATUS_CODE_ERROR: "Error"}
# In protobuf's own JSON bytes are base64; OTLP/JSON has these in hex.
_HEX_FIELDS = frozenset({"traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"})


class MalformedRequest(ValueError):
    """What was sent is no ExportTraceServiceRequest; the message says why."""


def parse_protobuf(body: bytes) -> ExportTraceServiceRequest:
    """Reads a request in binary protobuf.

    Raises:
        MalformedRequest: It is none.
    """
    try:
        return ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        raise MalformedRequest(f"not an ExportTraceServiceRequest in protobuf: {error}"[:300]) from None


def parse_json(body: bytes) -> ExportTraceServiceRequest:
    """Reads a request in OTLP's JSON: ids in hex, keys in lowerCamelCase, unknown keys ignored.

    Raises:
        MalformedRequest: It is none.
    """
    request = ExportTraceServiceRequest()
    try:
        given = json.loads(body)
        if not isinstance(given, dict):
            raise MalformedRequest("not a JSON object")
        ParseDict(_with_base64_ids(given), request, ignore_unknown_fields=True)
    except (ParseError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise MalformedRequest(f"not an ExportTraceServiceRequest in JSON: {error}"[:300]) from None
    return request


def _with_base64_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _base64(key, item) if key in _HEX_FIELDS and isinstance(item, str) else _with_base64_ids(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_with_base64_ids(item) for item in value]
    return value


def _base64(key: str, hexadecimal: str) -> str:
    try:
        return base64.b64encode(bytes.fromhex(hexadecimal)).decode()
    except (ValueError, binascii.Error):
        raise MalformedRequest(f"{key}: {hexadecimal[:50]!r}: expected hexadecimal digits") from None


def request_to_rows(request: ExportTraceServiceRequest) -> tuple[list[list[Any]], list[str]]:
    """The rows of a request, and why spans were left out.

    Args:
        request: As received.

    Returns:
        One row of ``rows.COLUMNS`` for each span, and a reason for each span that has none: an id of a wrong length.
    """
    rows: list[list[Any]] = []
    rejections: list[str] = []
    for resource_spans in request.resource_spans:
        resource = _attributes(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            scope = (scope_spans.scope.name, scope_spans.scope.version)
            for span in scope_spans.spans:
                if len(span.trace_id) not in (0, 16) or len(span.span_id) not in (0, 8):
                    rejections.append(f"span {span.name[:100]!r}: expected a trace id of 16 bytes and a span id of 8")
                else:
                    rows.append(_row(span, resource, scope))
    return rows, rejections


def _row(span: Span, resource: dict[str, str], scope: tuple[str, str]) -> list[Any]:
    return [
        _time(span.start_time_unix_nano),
        _id(span.trace_id),
        _id(span.span_id),
        _id(span.parent_span_id),
        span.trace_state,
        span.name,
        _KINDS.get(span.kind, "Unspecified"),
        resource.get(_SERVICE_NAME, ""),
        resource,
        scope[0],
        scope[1],
        _attributes(span.attributes),
        # The collector's difference of unsigned numbers: a span that ends before it starts wraps around.
        (span.end_time_unix_nano - span.start_time_unix_nano) % 2**64,
        _STATUSES.get(span.status.code, "Unset"),
        span.status.message,
        [_time(event.time_unix_nano) for event in span.events],
        [event.name for event in span.events],
        [_attributes(event.attributes) for event in span.events],
        [_id(link.trace_id) for link in span.links],
        [_id(link.span_id) for link in span.links],
        [link.trace_state for link in span.links],
        [_attributes(link.attributes) for link in span.links],
    ]


def _id(identifier: bytes) -> str:
    """Lower-case hex; all zeros are OTLP's way to say that there is none."""
    return identifier.hex() if any(identifier) else ""


def _time(nanoseconds: int) -> int:
    """As the collector does, times beyond a signed 64-bit number wrap to before 1970."""
    return nanoseconds - 2**64 if nanoseconds >= 2**63 else nanoseconds


def _attributes(attributes: Iterable[KeyValue]) -> dict[str, str]:
    """Attributes as stored; of a key that was sent twice the first value, which is also what ClickHouse would find."""
    values: dict[str, Any] = {}
    for attribute in attributes:
        values.setdefault(attribute.key, _python(attribute.value))
    return attribute_texts(values)


def _python(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_python(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {item.key: _python(item.value) for item in value.kvlist_value.values}
    return getattr(value, kind)
