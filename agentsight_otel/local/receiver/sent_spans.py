"""The spans of a request, as they are read from protobuf or JSON, within limits."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from agentsight_otel._export.rows import attribute_texts
from agentsight_otel.local.receiver.errors import TooLarge
from agentsight_otel.local.receiver.limits import MAX_PARTS_IN_ALL, MAX_SPAN_BYTES, MAX_SPANS, MAX_STORED_BYTES

FORMER_SPANS = "instrumentation_library_spans, of OTLP before 0.15: expected scope_spans"


class SentSpan(NamedTuple):
    """A span of a request.

    Attributes:
        span: The span as sent.
        size: Its approximate size in bytes.
        parts: The number of its attributes, events and links, with the attributes of those.
        resource: The attributes of its resource, as stored.
        resource_size: The resource's approximate size in bytes.
        scope: The name and version of its instrumentation scope.
    """

    span: Span
    size: int
    parts: int
    resource: dict[str, str]
    resource_size: int
    scope: tuple[str, str]


Parse = Callable[[bytes | bytearray], Iterator[SentSpan]]
"""``parse_protobuf`` or ``parse_json``."""


class Totals:
    """Counts what a request has, and refuses it where that is too much.

    A request is counted as a whole before its first span is used: one that is refused is not stored in part.
    """

    def __init__(self) -> None:
        self._groups = self._spans = self._bytes = self._parts = 0

    def add_group(self) -> None:
        """Counts a resource or a scope; raises TooLarge."""
        self._groups += 1
        if self._groups > MAX_SPANS:
            raise TooLarge(f"more than {MAX_SPANS} resources and scopes")

    def add(self, size: int, resource_size: int) -> None:
        """Counts a span by its size and its resource's, in bytes; raises TooLarge."""
        if max(size, resource_size) > MAX_SPAN_BYTES:
            raise TooLarge(f"a span, or a resource, of more than {MAX_SPAN_BYTES} bytes")
        self._spans += 1
        self._bytes += size + resource_size
        if self._spans > MAX_SPANS:
            raise TooLarge(f"more than {MAX_SPANS} spans")
        if self._bytes > MAX_STORED_BYTES:
            raise TooLarge(f"its spans with their resources are more than {MAX_STORED_BYTES} bytes")

    def add_parts(self, parts: int) -> None:
        """Counts the parts of a span; raises TooLarge."""
        self._parts += parts
        if self._parts > MAX_PARTS_IN_ALL:
            raise TooLarge(f"more than {MAX_PARTS_IN_ALL} attributes, events and links")


def parts_of(span: Span) -> int:
    """The number of a span's attributes, events and links, with the attributes of those."""
    of_events = sum(3 + len(each.attributes) for each in span.events)
    of_links = sum(3 + len(each.attributes) for each in span.links)
    return len(span.attributes) + of_events + of_links


def stored_attributes(attributes: Iterable[KeyValue]) -> dict[str, str]:
    """Attributes as stored; of a repeated key the first value, which is also the one that ClickHouse would find."""
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


def size_of(attributes: dict[str, str]) -> int:
    """The approximate size of attributes in bytes."""
    return sum(len(key) + len(value) for key, value in attributes.items())
