"""How large a span is, in memory and on the wire."""

from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Link

from agentsight_otel._core.otel_private import LeanSpan, events_of, links_of

# Protobuf: a tag and a length, of at most 5 bytes, before each of KeyValue, key, AnyValue and its value.
_ATTRIBUTE_WIRE = 24
_NUMBER_WIRE = 10
SPAN_WIRE = 160
"""Of a span without name and attributes."""

_EVENT_WIRE = 40
_LINK_WIRE = 80

# What the objects take beside their texts.
_SPAN_MEMORY = 1_840
_EVENT_MEMORY = 660
_LEAN_MEMORY = 250
_LEAN_EVENT_MEMORY = 200

_PLAIN = frozenset({str, bool, int, float, type(None)})


def memory_bytes(span: ReadableSpan, wire: int) -> int:
    """About what a finished span takes in memory that takes so much on the wire."""
    if type(span) is LeanSpan and span.is_lean:  # its keys, and much of what it says, are shared with others
        return wire + _LEAN_MEMORY + _LEAN_EVENT_MEMORY * span.event_count
    return wire + _SPAN_MEMORY + _EVENT_MEMORY * len(events_of(span))


def wire_bytes(span: ReadableSpan) -> int:
    """A span's size as OTLP protobuf, at most: what it really takes is a little less."""
    size = SPAN_WIRE + value_wire_bytes(span.name) + attributes_wire_bytes(span.attributes)
    if span.status.description:
        size += value_wire_bytes(span.status.description)
    if span.context is not None and span.context.trace_state:
        size += value_wire_bytes(span.context.trace_state.to_header())
    for event in events_of(span):
        size += event_wire_bytes(event.name, event.attributes)
    for link in links_of(span):
        size += link_wire_bytes(link)
    return size


def link_wire_bytes(link: Link) -> int:
    """The part of a link in ``wire_bytes``."""
    return _LINK_WIRE + attributes_wire_bytes(link.attributes) + value_wire_bytes(link.context.trace_state.to_header())


def event_wire_bytes(name: str, attributes: Any) -> int:
    """The part of an event in ``wire_bytes``."""
    return _EVENT_WIRE + value_wire_bytes(name) + attributes_wire_bytes(attributes)


def attribute_wire_bytes(key: str, value: object) -> int:
    """The part of an attribute in ``wire_bytes``."""
    return _ATTRIBUTE_WIRE + value_wire_bytes(key) + value_wire_bytes(value)


def value_wire_bytes(value: object) -> int:
    """The part of an attribute's value in ``wire_bytes``."""
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "replace"))
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, Mapping):
        return sum(attribute_wire_bytes(str(key), member) for key, member in value.items())
    if isinstance(value, (list, tuple)):
        return sum(_ATTRIBUTE_WIRE + value_wire_bytes(item) for item in value)
    return _NUMBER_WIRE


def resource_wire_bytes(resource: Resource) -> int:
    """What a resource adds to a request, at most."""
    return _LINK_WIRE + attributes_wire_bytes(resource.attributes) + value_wire_bytes(resource.schema_url)


def attributes_wire_bytes(attributes: Any) -> int:
    """The part of attributes in ``wire_bytes``."""
    if not attributes:
        return 0
    # A plain dict is walked several times as fast as OpenTelemetry's own mapping.
    plain: dict[str, Any] = attributes.copy()
    texts = [value for value in plain.values() if type(value) is str]
    if len(texts) < len(plain) and not _PLAIN.issuperset(map(type, plain.values())):
        return sum(attribute_wire_bytes(key, value) for key, value in plain.items())
    # As nearly always; all at once costs a fraction of one by one.
    text = "".join(plain) + "".join(texts)
    return len(plain) * (_ATTRIBUTE_WIRE + _NUMBER_WIRE) + value_wire_bytes(text)
