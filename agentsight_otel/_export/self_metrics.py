"""Metrics of delivery itself, by OpenTelemetry's metrics API: spans exported and lost, the queue, export times.

Names and attributes are those of the semantic conventions for SDK metrics. The instruments belong to the process: they
are made once, at the first ``init()``, report to the global meter provider whenever it is set, and their totals
continue over ``shutdown()`` and another ``init()``. Without a meter provider they are OpenTelemetry's no-op ones.
"""

import weakref
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.sdk.trace.export import SpanExporter

from agentsight_otel._core.guard import guard
from agentsight_otel._core.locks import new_lock
from agentsight_otel._core.version import VERSION
from agentsight_otel._export.batches import ALREADY_SHUTDOWN, QUEUE_FULL, REFUSED, UNSENT, Counts
from agentsight_otel._export.delivery import DeliveryProcessor

PROCESSED: Final = "otel.sdk.processor.span.processed"
"""Spans passed to the exporter; with ``error.type`` spans that never were."""

QUEUE_SIZE: Final = "otel.sdk.processor.span.queue.size"
"""Spans waiting or being sent."""

QUEUE_CAPACITY: Final = "otel.sdk.processor.span.queue.capacity"
"""The most spans that may wait or be sent."""

EXPORTED: Final = "otel.sdk.exporter.span.exported"
"""Spans that the backend took; with ``error.type`` spans that it refused."""

DURATION: Final = "otel.sdk.exporter.operation.duration"
"""Seconds of one attempt; with ``error.type``, the class of the error, where it failed."""

COMPONENT_TYPE: Final = "otel.component.type"
COMPONENT_NAME: Final = "otel.component.name"
ERROR_TYPE: Final = "error.type"

_PROCESSOR = "agentsight_delivery_processor"
_NOT_PROCESSED = (QUEUE_FULL, ALREADY_SHUTDOWN)
_NOT_EXPORTED = {REFUSED: "rejected", UNSENT: UNSENT}  # the conventions' word for what a backend refuses
_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

_Series = tuple[str, str, str | None]  # instrument, component type, error type


class SelfMetrics:
    """The instruments, and the totals of all deliveries of the process.

    Args:
        meter: Makes the instruments.
    """

    def __init__(self, meter: Meter) -> None:
        self._lock = new_lock()
        self._past: Counter[_Series] = Counter()
        self._counts: Counts | None = None  # of the delivery watched; those before are in the past
        self._exporter_type = ""
        self._delivery: Callable[[], DeliveryProcessor | None] = lambda: None
        meter.create_observable_counter(
            PROCESSED, [lambda _: self._totals(PROCESSED)], "{span}", "Spans whose processing has finished."
        )
        meter.create_observable_counter(
            EXPORTED, [lambda _: self._totals(EXPORTED)], "{span}", "Spans whose export has finished."
        )
        meter.create_observable_up_down_counter(
            QUEUE_SIZE, [self._queue_size], "{span}", "Spans waiting or being sent."
        )
        meter.create_observable_up_down_counter(
            QUEUE_CAPACITY, [self._queue_capacity], "{span}", "The most spans that may wait or be sent."
        )
        self._duration = meter.create_histogram(
            DURATION, "s", "The duration of exporting a batch.", explicit_bucket_boundaries_advisory=_BUCKETS_S
        )

    def attempts_of(self, exporter: SpanExporter) -> Callable[[float, BaseException | None], None]:
        """The function to call with each attempt of an exporter: its seconds, and its error or None."""
        attributes = _component(_type_of(exporter))

        def record(seconds: float, error: BaseException | None) -> None:
            failure = {} if error is None else {ERROR_TYPE: type(error).__name__}
            self._duration.record(seconds, {**attributes, **failure})

        return record

    def watch(self, delivery: DeliveryProcessor, exporter: SpanExporter) -> None:
        """Reports a delivery from now on, in addition to those before; does not keep it alive."""
        with self._lock:
            self._remember()
            self._delivery = weakref.ref(delivery)
            self._exporter_type = _type_of(exporter)
            self._counts = delivery.counts

    def _remember(self) -> None:
        if self._counts is not None:
            self._past.update(_series_of(self._counts, self._exporter_type))

    def _totals(self, instrument: str) -> list[Observation]:
        with guard("reporting self-metrics"), self._lock:
            delivery = self._delivery()
            if delivery is not None and delivery.counts is not self._counts:
                # A forked child counts from 0, but its metrics continue its parent's, as all of OpenTelemetry's do.
                self._remember()
                self._counts = delivery.counts
            totals = self._past.copy()
            if self._counts is not None:
                totals.update(_series_of(self._counts, self._exporter_type))
            return [
                Observation(total, _component(component) | ({} if error is None else {ERROR_TYPE: error}))
                for (name, component, error), total in totals.items()
                if name == instrument
            ]
        return []

    def _queue_size(self, options: CallbackOptions) -> Iterable[Observation]:
        delivery = self._delivery()
        return [] if delivery is None or delivery.closed else [Observation(delivery.queued, _component(_PROCESSOR))]

    def _queue_capacity(self, options: CallbackOptions) -> Iterable[Observation]:
        delivery = self._delivery()
        return [] if delivery is None or delivery.closed else [Observation(delivery.capacity, _component(_PROCESSOR))]


def _series_of(counts: Counts, exporter_type: str) -> dict[_Series, int]:
    dropped = dict(counts.dropped)
    series: dict[_Series, int] = {
        (PROCESSED, _PROCESSOR, None): counts.submitted,
        (EXPORTED, exporter_type, None): counts.exported + counts.recovered,
    }
    for reason in _NOT_PROCESSED:
        series[PROCESSED, _PROCESSOR, reason] = dropped.get(reason, 0)
    for reason, error in _NOT_EXPORTED.items():
        series[EXPORTED, exporter_type, error] = dropped.get(reason, 0)
    return series


def _component(kind: str) -> dict[str, str]:
    return {COMPONENT_TYPE: kind, COMPONENT_NAME: f"{kind}/0"}


def _type_of(exporter: SpanExporter) -> str:
    """The exporter's type by the semantic conventions where it has one, else the name of its class."""
    kind = type(exporter)
    return str(getattr(kind, "component_type", f"{kind.__module__}.{kind.__qualname__}"))


_shared: SelfMetrics | None = None
_starting = new_lock()


def shared() -> SelfMetrics:
    """The process's self-metrics, on the global meter provider: made once, because instruments cannot be removed."""
    global _shared
    with _starting:
        if _shared is None:
            _shared = SelfMetrics(metrics.get_meter("agentsight_otel", VERSION))
        return _shared
