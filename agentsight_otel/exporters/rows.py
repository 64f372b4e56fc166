"""Span to row, value by value as the collector's ClickHouse exporter (contrib 0.161) stores it.

Attribute values become text as in the collector: numbers and booleans as in JSON, numbers with an exponent from 1e21
and below 1e-6, lists and maps as compact JSON, bytes as base64.
"""

import base64
import json
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, SpanKind, StatusCode

TABLE = "otel_traces"

COLUMNS: dict[str, str] = {
    "Timestamp": "DateTime64(9, 'UTC')",
    "TraceId": "String",
    "SpanId": "String",
    "ParentSpanId": "String",
    "TraceState": "String",
    "SpanName": "LowCardinality(String)",
    "SpanKind": "LowCardinality(String)",
    "ServiceName": "LowCardinality(String)",
    "ResourceAttributes": "Map(LowCardinality(String), String)",
    "ScopeName": "String",
    "ScopeVersion": "String",
    "SpanAttributes": "Map(LowCardinality(String), String)",
    "Duration": "UInt64",
    "StatusCode": "LowCardinality(String)",
    "StatusMessage": "String",
    "Events.Timestamp": "Array(DateTime64(9, 'UTC'))",
    "Events.Name": "Array(LowCardinality(String))",
    "Events.Attributes": "Array(Map(LowCardinality(String), String))",
    "Links.TraceId": "Array(String)",
    "Links.SpanId": "Array(String)",
    "Links.TraceState": "Array(String)",
    "Links.Attributes": "Array(Map(LowCardinality(String), String))",
}
"""The columns of ``otel_traces`` that a writer fills, with their types, in the order of ``span_to_row``."""

_SERVICE_NAME = "service.name"
_KINDS = {
    SpanKind.INTERNAL: "Internal",
    SpanKind.SERVER: "Server",
    SpanKind.CLIENT: "Client",
    SpanKind.PRODUCER: "Producer",
    SpanKind.CONSUMER: "Consumer",
}
_STATUSES = {StatusCode.UNSET: "Unset", StatusCode.OK: "Ok", StatusCode.ERROR: "Error"}
_LARGEST_INT64 = 2**63 - 1


def span_to_row(span: ReadableSpan) -> list[Any]:
    """One row of ``COLUMNS``: times are ns since 1970, maps and lists plain Python ones."""
    start, end = span.start_time or 0, span.end_time or 0
    context = span.context
    scope = span.instrumentation_scope
    return [
        _time(start),
        _trace_id(context),
        _span_id(context),
        _span_id(span.parent),
        context.trace_state.to_header() if context else "",
        _text(span.name),
        _KINDS.get(span.kind, "Unspecified"),
        _text(_value(span.resource.attributes.get(_SERVICE_NAME, ""))),
        attribute_texts(span.resource.attributes),
        scope.name if scope else "",
        (scope.version or "") if scope else "",
        attribute_texts(span.attributes),
        # The collector's difference of unsigned numbers: a span that ends before it starts wraps around.
        (end - start) % 2**64,
        _STATUSES[span.status.status_code],
        _text(span.status.description or ""),
        [_time(event.timestamp) for event in span.events],
        [_text(event.name) for event in span.events],
        [attribute_texts(event.attributes) for event in span.events],
        [_trace_id(link.context) for link in span.links],
        [_span_id(link.context) for link in span.links],
        [link.context.trace_state.to_header() for link in span.links],
        [attribute_texts(link.attributes) for link in span.links],
    ]


def _trace_id(context: SpanContext | None) -> str:
    return f"{context.trace_id:032x}" if context and context.trace_id else ""


def _span_id(context: SpanContext | None) -> str:
    return f"{context.span_id:016x}" if context and context.span_id else ""


def attribute_texts(attributes: Mapping[str, Any] | None) -> dict[str, str]:
    """Attributes as stored: keys sorted, values as text."""
    if not attributes:
        return {}
    return {_text(key): _text(_value(attributes[key])) for key in sorted(attributes)}


def _value(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if math.isfinite(value):
            return _number(value)
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if value is None:
        return ""
    return _json(value)


def _json(value: Any) -> str:
    """Compact JSON as Go writes it, without HTML escapes; '' where a number is not finite."""
    try:
        return _member(value)
    except ValueError:
        return ""


def _member(value: Any) -> str:
    if isinstance(value, str):
        text = json.dumps(_text(value), ensure_ascii=False)
        return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    if value is None:
        return "null"
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("not a JSON number")
    if isinstance(value, bytes):
        return f'"{base64.b64encode(value).decode()}"'
    if isinstance(value, Mapping):
        members = ",".join(f"{_member(str(key))}:{_member(value[key])}" for key in sorted(value))
        return f"{{{members}}}"
    if isinstance(value, Sequence):
        return f"[{','.join(_member(item) for item in value)}]"
    return _value(value)


def _number(value: float) -> str:
    """A float as Go's JSON writes it."""
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    digits, _, exponent = f"{value!r}".partition("e")
    if 1e-6 <= abs(value) < 1e21:
        if not exponent:
            return digits.removesuffix(".0")
        # repr() turns to exponents earlier than Go does; the digits are the same.
        return format(Decimal(repr(value)), "f")
    if not exponent:
        digits, _, exponent = f"{value:e}".partition("e")
    return f"{digits.removesuffix('.0')}e{'-' if int(exponent) < 0 else '+'}{abs(int(exponent))}"


def _text(text: str) -> str:
    """A text that UTF-8 can hold: lone surrogates become question marks."""
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode()


def _time(nanoseconds: int) -> int:
    return min(max(nanoseconds, -_LARGEST_INT64), _LARGEST_INT64)
