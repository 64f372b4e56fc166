"""Copies of finished spans with other contents: shorter, masked, or fit for the wire."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, Status

from agentsight_otel import semconv
from agentsight_otel._core.values import bounded, recut
from agentsight_otel._export.span_sizes import attribute_wire_bytes, event_wire_bytes, value_wire_bytes, wire_bytes

_SHORTEST_TEXT = 16


class EditedSpan(ReadableSpan):
    """A finished span with some of its contents replaced; what it dropped before still counts.

    Args:
        span: The original.
        name: Of the span.
        attributes: Of the span.
        events: Of the span.
        links: Of the span.
        status: Of the span.
        context: Of the span; its parent is then replaced too.
        parent: Of the span, where there is a ``context``; None makes it a root.
        resource: Of the span.
        scope: Of the span.
        dropped: Attributes, events and links that its limits cost. Default: the original's.
    """

    def __init__(
        self,
        span: ReadableSpan,
        *,
        name: str | None = None,
        attributes: Mapping[str, Any] | None = None,
        events: Iterable[Event] | None = None,
        links: Iterable[Link] | None = None,
        status: Status | None = None,
        dropped: tuple[int, int, int] | None = None,
        context: SpanContext | None = None,
        parent: SpanContext | None = None,
        resource: Resource | None = None,
        scope: InstrumentationScope | None = None,
    ) -> None:
        super().__init__(
            name=span.name if name is None else name,
            context=span.context if context is None else context,
            parent=span.parent if context is None else parent,
            resource=span.resource if resource is None else resource,
            attributes=span.attributes if attributes is None else attributes,
            events=span.events if events is None else tuple(events),
            links=span.links if links is None else tuple(links),
            kind=span.kind,
            status=span.status if status is None else status,
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope if scope is None else scope,
        )
        self._dropped = dropped or (span.dropped_attributes, span.dropped_events, span.dropped_links)

    @property
    def dropped_attributes(self) -> int:
        """Attributes that the span's limits cost."""
        return self._dropped[0]

    @property
    def dropped_events(self) -> int:
        """Events that the span's limits cost."""
        return self._dropped[1]

    @property
    def dropped_links(self) -> int:
        """Links that the span's limits cost."""
        return self._dropped[2]


def edited(span: ReadableSpan, change: Callable[[str, Any], Any]) -> EditedSpan:
    """A span with every value of it changed.

    Args:
        span: The original.
        change: Gets a key and a value, returns the value to store. The span's name comes as ``span.name``, its
            status' text as ``span.status.description``, an event's name as ``event.name``.
    """

    def all_of(attributes: Any) -> dict[str, Any]:
        return {key: change(key, value) for key, value in (attributes or {}).items()}

    status = span.status
    if status.description:
        status = Status(status.status_code, change("span.status.description", status.description))
    return EditedSpan(
        span,
        name=change("span.name", span.name),
        attributes=all_of(span.attributes),
        events=[
            Event(change("event.name", event.name), all_of(event.attributes), event.timestamp) for event in span.events
        ],
        links=[Link(link.context, all_of(link.attributes)) for link in span.links],
        status=status,
    )


def cut(span: ReadableSpan, max_bytes: int) -> ReadableSpan:
    """A span of at most ``max_bytes`` on the wire.

    Its longest texts are shortened, all to the same length, and end in ``…``; where that is not enough, the last
    events go. Attributes ``agentsight.cut.bytes`` and ``agentsight.cut.events`` say how much.
    """
    before = wire_bytes(span)
    if before <= max_bytes:
        return span
    marked = max_bytes - 2 * attribute_wire_bytes(semconv.CUT_EVENTS, before)
    lengths: list[int] = []

    def measure(key: str, value: Any) -> Any:
        if isinstance(value, (str, bytes)):
            lengths.append(value_wire_bytes(value))
        elif isinstance(value, (list, tuple)):
            lengths.extend(value_wire_bytes(item) for item in value if isinstance(item, (str, bytes)))
        return value

    edited(span, measure)
    longest = _common_length(lengths, before - marked)

    def shorten(key: str, value: Any) -> Any:
        if isinstance(value, str):
            return recut(value, longest)
        if isinstance(value, bytes):
            return value[:longest]
        if isinstance(value, (list, tuple)):
            return tuple(shorten(key, item) for item in value)
        return value

    shortened: ReadableSpan = edited(span, shorten)
    size = wire_bytes(shortened)
    events = list(shortened.events)
    while events and size > marked:
        last = events.pop()
        size -= event_wire_bytes(last.name, last.attributes)
    attributes = dict(shortened.attributes or {})
    if size > marked:  # attributes alone: a great many of them
        for key in list(attributes)[::-1]:
            if size <= marked or key in semconv.IDENTITY_KEYS:
                continue
            size -= attribute_wire_bytes(key, attributes.pop(key))
    attributes[semconv.CUT_BYTES] = before - size
    if len(events) < len(shortened.events):
        attributes[semconv.CUT_EVENTS] = len(shortened.events) - len(events)
    return EditedSpan(shortened, attributes=attributes, events=events)


def _common_length(lengths: list[int], too_much: int) -> int:
    """To which length the longest texts must be cut to save so much; not below a few characters."""
    lengths = sorted(lengths, reverse=True)
    saved = 0
    for count, length in enumerate(lengths, start=1):
        following = lengths[count] if count < len(lengths) else 0
        saved += (length - following) * count
        if saved >= too_much:
            return max(following + (saved - too_much) // count, _SHORTEST_TEXT)
    return _SHORTEST_TEXT


def encodable(span: ReadableSpan) -> ReadableSpan:
    """A span without what protobuf cannot hold: lone surrogates become ``?``, other such values their text."""

    def mend(key: str, value: Any) -> Any:
        if isinstance(value, str):
            return value.encode("utf-8", "replace").decode()
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            return bounded(str(value), 400) if value.bit_length() < 1_024 else f"<int of {value.bit_length()} bits>"
        if isinstance(value, (list, tuple)):
            return tuple(mend(key, item) for item in value)
        if value is None or isinstance(value, (bool, int, float, bytes)):
            return value
        return bounded(str(value), 1_024)

    return edited(span, mend)
