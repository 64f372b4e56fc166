"""Reads the spans of a request in binary protobuf."""

from collections.abc import Iterator
from typing import NamedTuple

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from agentsight_otel.local.receiver.errors import MalformedRequest, TooLarge
from agentsight_otel.local.receiver.limits import MAX_SPAN_BYTES
from agentsight_otel.local.receiver.sent_spans import (
    FORMER_SPANS,
    SentSpan,
    Totals,
    parts_of,
    size_of,
    stored_attributes,
)
from agentsight_otel.local.receiver.wire import Part, check_parts, parts

# Field numbers in ExportTraceServiceRequest, ResourceSpans and ScopeSpans.
_RESOURCE_SPANS = 1
_RESOURCE, _SCOPE_SPANS, _LIBRARY_SPANS = 1, 2, 1000
_SCOPE, _SPANS = 1, 2


def parse_protobuf(body: bytes | bytearray) -> Iterator[SentSpan]:
    """Reads a request in binary protobuf, one span at a time.

    Raises:
        MalformedRequest: The body is no valid request.
        TooLarge: The request is larger than allowed.
    """
    view = memoryview(body)
    totals = Totals()
    try:
        groups = list(_groups(view, totals))
        if body and not groups:
            raise MalformedRequest("not an ExportTraceServiceRequest in protobuf: no resource_spans in it")
        for span, _ in (each for group in groups for each in _spans_in(view, group)):
            totals.add_parts(parts_of(span))
        return _spans_of(view, groups)
    except DecodeError as error:
        raise MalformedRequest(f"not an ExportTraceServiceRequest in protobuf: {error}"[:300]) from None


class _Group(NamedTuple):
    """The place in the body of a scope with its spans, and of its resource."""

    resource: Part | None
    scope: Part | None
    spans: tuple[int, int]


def _groups(body: memoryview, totals: Totals) -> Iterator[_Group]:
    """Finds the scopes of a request, and refuses a request that is too large before any span is read."""
    for of_resource in parts(body, 0, len(body)):
        if of_resource.number != _RESOURCE_SPANS:
            continue
        totals.add_group()
        inside = list(parts(body, of_resource.start, of_resource.end))
        if any(part.number == _LIBRARY_SPANS for part in inside):
            raise MalformedRequest(FORMER_SPANS)
        resource = scope = None
        for part in inside:
            if part.number == _RESOURCE:
                resource = _checked(body, "resource", Resource, part, resource)
        any_scope = False
        for of_scope in inside:
            if of_scope.number != _SCOPE_SPANS:
                continue
            totals.add_group()
            any_scope = True
            scope = None
            for part in parts(body, of_scope.start, of_scope.end):
                if part.number == _SCOPE:
                    scope = _checked(body, "scope", InstrumentationScope, part, scope)
                elif part.number == _SPANS:
                    totals.add(part.end - part.start, resource.end - resource.start if resource is not None else 0)
            yield _Group(resource, scope, (of_scope.start, of_scope.end))
        if not any_scope:
            yield _Group(resource, None, (0, 0))


def _checked(body: memoryview, name: str, kind: type[Message], part: Part, before: Part | None) -> Part:
    if before is not None:  # of two, protobuf would make one
        raise MalformedRequest(f"a {name} twice")
    if part.end - part.start > MAX_SPAN_BYTES:
        raise TooLarge(f"a {name} of more than {MAX_SPAN_BYTES} bytes")
    check_parts(body, name, part.start, part.end)
    kind.FromString(_content(body, part))
    return part


def _spans_in(body: memoryview, group: _Group) -> Iterator[tuple[Span, int]]:
    """The spans of a scope, with their sizes."""
    for part in parts(body, *group.spans):
        if part.number == _SPANS:
            check_parts(body, "span", part.start, part.end)
            yield Span.FromString(_content(body, part)), part.end - part.start


def _spans_of(body: memoryview, groups: list[_Group]) -> Iterator[SentSpan]:
    for group in groups:
        resource: dict[str, str] = {}
        if group.resource is not None:
            resource = stored_attributes(Resource.FromString(_content(body, group.resource)).attributes)
        scope = InstrumentationScope()
        if group.scope is not None:
            scope = InstrumentationScope.FromString(_content(body, group.scope))
        resource_size = size_of(resource)
        for span, size in _spans_in(body, group):
            yield SentSpan(span, size, parts_of(span), resource, resource_size, (scope.name, scope.version))


def _content(body: memoryview, part: Part) -> bytes:
    return bytes(body[part.start : part.end])
