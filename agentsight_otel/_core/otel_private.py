"""What we touch of OpenTelemetry that is not public: all of it, and nothing of it elsewhere.

Each part was there in 1.30 and in 1.45; tests/unit/test_otel_private.py and test_own_spans.py tell which one a new
version has changed.
"""

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import _RUNTIME_CONTEXT, _SUPPRESS_INSTRUMENTATION_KEY
from opentelemetry.sdk.trace import Event, ReadableSpan, Span, SpanLimits, SpanProcessor
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind
from opentelemetry.trace.status import Status, StatusCode

from agentsight_otel._core.locks import new_lock

_MOST_OF_OURS = 32
"""More than we set ourselves of attributes on a span or event, and of links."""

runtime_context = _RUNTIME_CONTEXT
"""Keeps the current context. The public ``attach`` and ``detach`` log "Failed to detach context" where a context is
left by another thread or task than entered it, which is nobody's fault in a generator that is closed from elsewhere."""

SUPPRESS_INSTRUMENTATION_KEY: str = _SUPPRESS_INSTRUMENTATION_KEY
"""In a context: instrumentations make no spans. What is public, of the package of instrumentations, is this key."""


def processor_of(provider: object) -> Any:
    """The processor that a provider of the SDK gives its spans to; None where it has none. There is no public way."""
    return getattr(provider, "_active_span_processor", None)


def events_of(span: Any) -> Sequence[Any]:
    """A span's events. Mostly there are none, and the public property copies them twice to say so."""
    return _members(span, "_events", "events")


def links_of(span: Any) -> Sequence[Any]:
    """A span's links; as its events."""
    return _members(span, "_links", "links")


def _members(span: Any, kept_in: str, public: str) -> Sequence[Any]:
    kept = getattr(span, kept_in, None)
    members: Sequence[Any] = () if kept is not None and not len(kept) else getattr(span, public)
    return members


class Origin:
    """What the spans of one tracer have in common.

    Attributes:
        processor: Gets them at their start and end.
        take: Gets those that are lean at their end, instead; None: nobody does.

    Args:
        tracer: Of the SDK.
        processor: See above.
        limits: For what is set by OpenTelemetry's API.
        scope: The tracer's.
    """

    def __init__(self, tracer: Any, processor: SpanProcessor, limits: SpanLimits, scope: InstrumentationScope) -> None:
        self.processor = processor
        self.take: Callable[[LeanSpan], object] | None = None
        self._tracer = tracer
        self._limits = limits
        self._scope = scope
        self._count: Any = None
        metrics: Any = getattr(tracer, "_tracer_metrics", None)
        if hasattr(metrics, "_live_spans"):  # OpenTelemetry's own metrics are on
            self._count = metrics.start_span
        lengths = (limits.max_span_attribute_length, limits.max_attribute_length)
        numbers = (limits.max_span_attributes, limits.max_event_attributes, limits.max_links)
        # What we set ourselves is within any other limits.
        self._is_narrow = any(length is not None for length in lengths) or any(
            number is not None and number < _MOST_OF_OURS for number in numbers
        )

    def start(
        self,
        name: str,
        kind: SpanKind,
        context: SpanContext,
        parent: SpanContext | None,
        attributes: dict[str, Any],
        links: Sequence[Link],
        start_ns: int,
        wire_bytes: int,
    ) -> "LeanSpan":
        """A span that has started; its processors are not told of it yet.

        Args:
            name: Of the span.
            kind: Of the span.
            context: Its own.
            parent: None for a root.
            attributes: Fit; the span keeps them.
            links: Fit; the span keeps them.
            start_ns: Since 1970.
            wire_bytes: Of all this as OTLP protobuf, at most.
        """
        span = object.__new__(LeanSpan)  # the constructors of the SDK's class would make what it does without
        span._name = name
        span._kind = kind
        span._context = context
        span._attributes = attributes
        span._start_time = start_ns
        span._origin = self
        span.wire_bytes = wire_bytes
        if parent is not None:
            span._parent = parent
        if links:
            span._links = links
        if self._count is not None:
            span._record_end_metrics = self._count(parent, Decision.RECORD_AND_SAMPLE)
        if self._is_narrow:
            span._attributes = {}
            span.set_attributes(attributes)
        return span


class _Computed:
    """An attribute of a span that is computed, unless somebody sets it."""

    def __init__(self, compute: "Callable[[LeanSpan], object]") -> None:
        self._compute = compute

    def __get__(self, span: "LeanSpan | None", owner: type) -> object:
        return self if span is None else self._compute(span)


class LeanSpan(Span):
    """A span of the SDK's kind, at a fraction of its cost, for what is known to be fit.

    What comes by ``put`` and ``note`` is neither checked nor copied, and lies in a plain dict and list. What anybody
    sets by OpenTelemetry's API first makes an ordinary span of it, with the SDK's checks and limits.

    Attributes:
        wire_bytes: Its size as OTLP protobuf, at most, as long as it is lean.
    """

    wire_bytes: int
    _origin: Origin

    # What nearly all spans have; the others set it on themselves. The lock is held for moments.
    _lock = new_lock()  # type: ignore[assignment]
    _sampler = None
    _trace_config = None
    _record_exception = True
    _set_status_on_exception = True
    _record_end_metrics: Callable[[], None] | None = None
    _parent: SpanContext | None = None
    _end_time: int | None = None
    _status = Status(StatusCode.UNSET)
    _links: Any = ()
    _attributes: Any
    _notes: "list[tuple[str, Any, int]] | tuple[()]" = ()

    _span_processor: Any = _Computed(lambda span: span._origin.processor)
    _limits: Any = _Computed(lambda span: span._origin._limits)
    _resource: Any = _Computed(lambda span: span._origin._tracer.resource)  # another one in a forked child
    _instrumentation_scope: Any = _Computed(lambda span: span._origin._scope)
    _instrumentation_info: Any = _Computed(lambda span: span._origin._tracer.instrumentation_info)
    _events: Any = _Computed(lambda span: [Event(*note) for note in span._notes])

    @property
    def event_count(self) -> int:
        """How many events it has, as long as it is lean."""
        return len(self._notes)

    @property
    def is_lean(self) -> bool:
        """Whether it holds nothing but what came by ``put`` and ``note``."""
        return type(self._attributes) is dict

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Its attributes, to be read."""
        return MappingProxyType(self._attributes)

    def put(self, key: str, value: str | bool | int | float | tuple[str, ...], wire_bytes: int) -> None:
        """Sets an attribute that is fit, and takes so much on the wire, unless the span has ended."""
        if self._end_time is None:
            self.wire_bytes += wire_bytes
            self._attributes[key] = value

    def note(self, name: str, attributes: dict[str, str], time_ns: int, wire_bytes: int) -> None:
        """Adds an event that is fit, and takes so much on the wire, unless the span has ended."""
        with self._lock:
            if type(self._attributes) is not dict:
                super().add_event(name, attributes, time_ns)
            elif self._end_time is None:
                self.wire_bytes += wire_bytes
                if not self._notes:
                    self._notes = []
                self._notes.append((name, attributes, time_ns))

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """As of any span."""
        self.become_ordinary()
        super().set_attributes(attributes)

    def set_attribute(self, key: str, value: Any) -> None:
        """As of any span."""
        self.become_ordinary()
        super().set_attribute(key, value)

    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:
        """As of any span."""
        self.become_ordinary()
        super().add_event(name, attributes, timestamp)

    def add_link(self, context: SpanContext, attributes: Any = None) -> None:
        """As of any span."""
        self.become_ordinary()
        super().add_link(context, attributes)

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """As of any span."""
        self.become_ordinary()
        super().set_status(status, description)

    def update_name(self, name: str) -> None:
        """As of any span."""
        self.become_ordinary()
        super().update_name(name)

    def end(self, end_time: int | None = None) -> None:
        """Ends it, the first time, and hands it on.

        Raises:
            RecursionError: Deep in the application's recursion there is no room for that; it has not ended.
        """
        take = self._origin.take
        if take is None or self._end_time is not None or type(self._attributes) is not dict:
            self.become_ordinary()
            super().end(end_time)
            return
        with self._lock:
            if self._end_time is not None:
                return
            self._end_time = time.time_ns() if end_time is None else end_time
        try:
            take(self)
        except RecursionError:
            self._end_time = None
            raise
        if self._record_end_metrics is not None:
            self._record_end_metrics()

    def become_ordinary(self) -> None:
        """Puts what it has into the SDK's containers, unless it is there, or the span has ended."""
        with self._lock:
            if self._end_time is not None or type(self._attributes) is not dict:
                return
            limits = self._limits
            self._events = BoundedList.from_seq(limits.max_events, self._events)
            self._links = BoundedList.from_seq(limits.max_links, self._links)
            bounded = BoundedAttributes(
                limits.max_span_attributes, None, immutable=False, max_value_len=limits.max_span_attribute_length
            )
            bounded._dict = self._attributes  # this very one: another thread may be about to put something there
            self._attributes = bounded

    def __deepcopy__(self, memo: dict[int, Any]) -> ReadableSpan:
        """A finished span of the SDK's: no copy of what it came from."""
        return copy.deepcopy(self._readable_span(), memo)
