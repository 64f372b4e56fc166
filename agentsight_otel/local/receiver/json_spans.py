"""Reads the spans of a request in OTLP's JSON."""

import base64
import binascii
import json
import re
from collections import deque
from collections.abc import Iterator
from typing import Any, TypeVar

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from agentsight_otel.local.receiver.errors import MalformedRequest, TooLarge
from agentsight_otel.local.receiver.limits import MAX_JSON_BYTES, MAX_JSON_VALUES, MAX_WIDE_JSON_BYTES
from agentsight_otel.local.receiver.sent_spans import (
    FORMER_SPANS,
    SentSpan,
    Totals,
    parts_of,
    size_of,
    stored_attributes,
)

# Fields with ids, which are hex in OTLP/JSON; in protobuf's own JSON, bytes are base64.
_HEX_FIELDS = frozenset({"traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"})

# A character beyond U+FFFF, in UTF-8 or as a pair of surrogates.
_WIDE = re.compile(rb"[\xf0-\xf4]|\\u[dD][89abAB]")

M = TypeVar("M", bound=Message)


def parse_json(body: bytes | bytearray) -> Iterator[SentSpan]:
    """Reads a request in OTLP's JSON: ids in hex, keys in lowerCamelCase, unknown keys ignored.

    Raises:
        MalformedRequest: The body is no valid request.
        TooLarge: The request is larger than allowed.
    """
    if len(body) > MAX_JSON_BYTES:
        raise TooLarge(f"more than {MAX_JSON_BYTES} bytes of JSON")
    if len(body) > MAX_WIDE_JSON_BYTES and _WIDE.search(body):
        raise TooLarge(f"more than {MAX_WIDE_JSON_BYTES} bytes of JSON with characters beyond U+FFFF")
    if sum(body.count(sign) for sign in (b"[", b"{", b",")) > MAX_JSON_VALUES:
        raise TooLarge(f"more than {MAX_JSON_VALUES} values in JSON")
    try:
        request = json.loads(body, object_pairs_hook=_checked)
    except MalformedRequest:
        raise
    # A number of more digits than Python reads raises a ValueError too.
    except (ValueError, RecursionError) as error:
        raise MalformedRequest(f"not an ExportTraceServiceRequest in JSON: {error}"[:300]) from None
    if not isinstance(request, dict):
        raise MalformedRequest("not a JSON object")
    if request and not {"resourceSpans", "resource_spans"} & request.keys():
        raise MalformedRequest("no resourceSpans in it")
    try:
        # All of them before the first is used, so that what is refused is not stored in part.
        sent = deque(_read(request))
    except (ParseError, RecursionError) as error:
        raise MalformedRequest(f"not an ExportTraceServiceRequest in JSON: {error}"[:300]) from None
    return (sent.popleft() for _ in range(len(sent)))


def _checked(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuses a repeated key, of which Python would keep only the last, and texts that are no Unicode."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise MalformedRequest("a JSON object has a key twice")
    for key, item in pairs:
        if not _is_unicode(key) or (isinstance(item, str) and not _is_unicode(item)):
            raise MalformedRequest("a JSON text has one half of a surrogate pair")
    return value


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _read(request: dict[str, Any]) -> Iterator[SentSpan]:
    totals = Totals()
    for of_resource in _each(request, "resourceSpans", "resource_spans"):
        totals.add_group()
        if {"instrumentationLibrarySpans", "instrumentation_library_spans"} & of_resource.keys():
            raise MalformedRequest(FORMER_SPANS)
        resource = stored_attributes(_message(of_resource.get("resource"), Resource()).attributes)
        resource_size = size_of(resource)
        for of_scope in _each(of_resource, "scopeSpans", "scope_spans"):
            totals.add_group()
            scope = _message(of_scope.get("scope"), InstrumentationScope())
            for span in _each(of_scope, "spans"):
                sent = _message(_with_base64_ids(span), Span())
                size, parts = sent.ByteSize(), parts_of(sent)
                totals.add(size, resource_size)
                totals.add_parts(parts)
                yield SentSpan(sent, size, parts, resource, resource_size, (scope.name, scope.version))


def _each(holder: dict[str, Any], *names: str) -> Iterator[dict[str, Any]]:
    """The objects of a list under one of the names; each is removed from the list when it is read, to free memory."""
    named = [name for name in names if holder.get(name) is not None]
    if len(named) > 1:
        raise MalformedRequest(f"both {names[0]} and {names[1]}")
    values = holder[named[0]] if named else []
    if not isinstance(values, list):
        raise MalformedRequest(f"{named[0]}: expected a list")
    values.reverse()
    while values:
        value = values.pop()
        if not isinstance(value, dict):
            raise MalformedRequest(f"{named[0]}: expected objects")
        yield value


def _message(value: Any, message: M) -> M:
    if value is not None:
        if not isinstance(value, dict):
            raise MalformedRequest(f"{type(message).__name__}: expected an object")
        ParseDict(value, message, ignore_unknown_fields=True)
    return message


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
