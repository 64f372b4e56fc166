"""Turns a span into a row, value by value as the collector's ClickHouse exporter (contrib 0.161) stores it.

Attribute values become text as in the collector: numbers and booleans as in JSON, numbers with an exponent from 1e21
and below 1e-6, lists and maps as compact JSON, bytes as base64.
"""

import base64
import json
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

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
"""The columns of ``otel_traces`` that a writer fills, with their types, in the order of ``row_of``."""

SERVICE_NAME = "service.name"
"""The resource attribute that has a column of its own."""

UNSPECIFIED = "Unspecified"
"""The kind of a span that states none."""

_KINDS = {
    SpanKind.INTERNAL: "Internal",
    SpanKind.SERVER: "Server",
    SpanKind.CLIENT: "Client",
    SpanKind.PRODUCER: "Producer",
    SpanKind.CONSUMER: "Consumer",
}
_STATUSES = {StatusCode.UNSET: "Unset", StatusCode.OK: "Ok", StatusCode.ERROR: "Error"}
_LARGEST_INT64 = 2**63 - 1


class Point(NamedTuple):
    """An event of a span, its values ready for the row."""

    time_ns: int
    name: str
    attributes: dict[str, str]


class Reference(NamedTuple):
    """A link of a span, its values ready for the row."""

    trace_id: str
    span_id: str
    trace_state: str
    attributes: dict[str, str]


def row_of(
    *,
    start_ns: int,
    end_ns: int,
    trace_id: str,
    span_id: str,
    parent_span_id: str,
    trace_state: str,
    name: str,
    kind: str,
    service: str,
    resource: dict[str, str],
    scope: tuple[str, str],
    attributes: dict[str, str],
    status: tuple[str, str],
    events: Sequence[Point],
    links: Sequence[Reference],
) -> list[Any]:
    """A row of ``COLUMNS`` from a span's values; the only place that knows the columns' order.

    Args:
        start_ns: The start, ns since 1970; wrapped to a signed 64-bit number.
        end_ns: The end, ns since 1970.
        trace_id: The trace id in hex; '' for none.
        span_id: The span id in hex; '' for none.
        parent_span_id: The parent's span id in hex; '' for none.
        trace_state: The trace state as a header.
        name: The span's name.
        kind: The span's kind, as stored.
        service: The resource's service.name.
        resource: The resource attributes, as stored.
        scope: The instrumentation scope's name and version.
        attributes: The span attributes, as stored.
        status: The status code, as stored, and the status message.
        events: The events in order.
        links: The links in order.
    """
    return [
        _time(start_ns),
        trace_id,
        span_id,
        parent_span_id,
        trace_state,
        name,
        kind,
        service,
        resource,
        *scope,
        attributes,
        # As in the collector, a difference of unsigned numbers: that of a span that ends before it starts wraps around.
        (end_ns - start_ns) % 2**64,
        *status,
        [_time(event.time_ns) for event in events],
        [event.name for event in events],
        [event.attributes for event in events],
        [link.trace_id for link in links],
        [link.span_id for link in links],
        [link.trace_state for link in links],
        [link.attributes for link in links],
    ]


def span_to_row(span: ReadableSpan) -> list[Any]:
    """One row of ``COLUMNS``: times are ns since 1970, maps and lists plain Python ones."""
    context = span.context
    scope = span.instrumentation_scope
    return row_of(
        start_ns=span.start_time or 0,
        end_ns=span.end_time or 0,
        trace_id=_trace_id(context),
        span_id=_span_id(context),
        parent_span_id=_span_id(span.parent),
        trace_state=context.trace_state.to_header() if context else "",
        name=_text(span.name),
        kind=_KINDS.get(span.kind, UNSPECIFIED),
        service=_text(_value(span.resource.attributes.get(SERVICE_NAME, ""))),
        resource=attribute_texts(span.resource.attributes),
        scope=(scope.name, scope.version or "") if scope else ("", ""),
        attributes=attribute_texts(span.attributes),
        status=(_STATUSES[span.status.status_code], _text(span.status.description or "")),
        events=[Point(each.timestamp, _text(each.name), attribute_texts(each.attributes)) for each in span.events],
        links=[
            Reference(
                _trace_id(each.context),
                _span_id(each.context),
                each.context.trace_state.to_header(),
                attribute_texts(each.attributes),
            )
            for each in span.links
        ],
    )


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
