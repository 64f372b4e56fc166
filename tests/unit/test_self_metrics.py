"""Delivery reports itself by OpenTelemetry's metrics API: whole points, over shutdowns and forks, and at no cost."""

import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator, Sequence

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from agentsight_otel._export.delivery import DeliveryProcessor
from agentsight_otel._export.errors import PartlyRefusedError
from agentsight_otel._export.self_metrics import SelfMetrics

PROCESSOR = "agentsight_delivery_processor"
EXPORTER = "tests.unit.test_self_metrics.Backend"


class Backend(SpanExporter):
    """Refuses one span of a batch whose first span is called so, and may be away."""

    def __init__(self) -> None:
        self.away = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self.away:
            self.away -= 1
            raise ConnectionError("away")
        if spans[0].name == "partly":
            raise PartlyRefusedError("no good", 1)
        return SpanExportResult.SUCCESS


@pytest.fixture
def reader() -> Iterator[InMemoryMetricReader]:
    yield InMemoryMetricReader()


@pytest.fixture
def measures(reader: InMemoryMetricReader) -> Iterator[SelfMetrics]:
    provider = MeterProvider([reader], shutdown_on_exit=False)
    yield SelfMetrics(provider.get_meter("agentsight_otel"))
    provider.shutdown()


def points(reader: InMemoryMetricReader) -> dict[tuple[str, str, str | None], float]:
    """Every point: its metric, component type and error type; a histogram's is its count."""
    data = reader.get_metrics_data()
    found: dict[tuple[str, str, str | None], float] = {}
    for resource in data.resource_metrics if data is not None else ():
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in metric.data.data_points:
                    said = dict(point.attributes or {})
                    kind, error = str(said.pop("otel.component.type")), said.pop("error.type", None)
                    assert said == {"otel.component.name": f"{kind}/0"}
                    key = (metric.name, kind, None if error is None else str(error))
                    assert key not in found
                    found[key] = getattr(point, "count" if metric.name.endswith("duration") else "value")
    return found


def watched(measures: SelfMetrics, backend: Backend, max_queue_spans: int = 5) -> DeliveryProcessor:
    delivery = DeliveryProcessor(
        backend,
        max_queue_spans=max_queue_spans,
        schedule_delay_s=60,
        shutdown_timeout_s=0,
        on_attempt=measures.attempts_of(backend),
    )
    measures.watch(delivery, backend)
    return delivery


def send(delivery: DeliveryProcessor, *names: str) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(delivery)
    for name in names:
        provider.get_tracer("test").start_span(name).end()


def test_every_span_is_in_the_points(measures: SelfMetrics, reader: InMemoryMetricReader) -> None:
    backend = Backend()
    delivery = watched(measures, backend)
    backend.away = 1
    send(delivery, "partly", *"bcdefg")
    assert not delivery.force_flush(100)
    assert not delivery.force_flush()
    send(delivery, "waits")
    assert points(reader) == {
        ("otel.sdk.processor.span.processed", PROCESSOR, None): 5,
        ("otel.sdk.processor.span.processed", PROCESSOR, "queue_full"): 2,
        ("otel.sdk.processor.span.processed", PROCESSOR, "already_shutdown"): 0,
        ("otel.sdk.processor.span.queue.size", PROCESSOR, None): 1,
        ("otel.sdk.processor.span.queue.capacity", PROCESSOR, None): 5,
        ("otel.sdk.exporter.span.exported", EXPORTER, None): 4,
        ("otel.sdk.exporter.span.exported", EXPORTER, "rejected"): 1,
        ("otel.sdk.exporter.span.exported", EXPORTER, "unsent"): 0,
        ("otel.sdk.exporter.operation.duration", EXPORTER, "ConnectionError"): 1,
        ("otel.sdk.exporter.operation.duration", EXPORTER, "PartlyRefusedError"): 1,
    }
    delivery.shutdown()


def test_totals_go_on_over_a_shutdown_and_nothing_keeps_the_delivery(
    measures: SelfMetrics, reader: InMemoryMetricReader
) -> None:
    first = watched(measures, Backend())
    send(first, "a", "b")
    assert first.force_flush()
    first.shutdown()
    send(first, "late")
    assert points(reader) == {
        ("otel.sdk.processor.span.processed", PROCESSOR, None): 2,
        ("otel.sdk.processor.span.processed", PROCESSOR, "queue_full"): 0,
        ("otel.sdk.processor.span.processed", PROCESSOR, "already_shutdown"): 1,
        ("otel.sdk.exporter.span.exported", EXPORTER, None): 2,
        ("otel.sdk.exporter.span.exported", EXPORTER, "rejected"): 0,
        ("otel.sdk.exporter.span.exported", EXPORTER, "unsent"): 0,
        ("otel.sdk.exporter.operation.duration", EXPORTER, None): 1,
    }
    gone = weakref.ref(first)
    del first
    gc.collect()
    assert gone() is None
    for _ in range(20):
        again = watched(measures, Backend(), max_queue_spans=7)
        send(again, "c")
        assert again.force_flush()
        again.shutdown()
    last = watched(measures, Backend(), max_queue_spans=7)
    assert points(reader) == {
        ("otel.sdk.processor.span.processed", PROCESSOR, None): 22,
        ("otel.sdk.processor.span.processed", PROCESSOR, "queue_full"): 0,
        ("otel.sdk.processor.span.processed", PROCESSOR, "already_shutdown"): 1,
        ("otel.sdk.processor.span.queue.size", PROCESSOR, None): 0,
        ("otel.sdk.processor.span.queue.capacity", PROCESSOR, None): 7,
        ("otel.sdk.exporter.span.exported", EXPORTER, None): 22,
        ("otel.sdk.exporter.span.exported", EXPORTER, "rejected"): 0,
        ("otel.sdk.exporter.span.exported", EXPORTER, "unsent"): 0,
        ("otel.sdk.exporter.operation.duration", EXPORTER, None): 21,
    }
    last.shutdown()


def test_a_forked_child_never_counts_backwards(measures: SelfMetrics, reader: InMemoryMetricReader) -> None:
    delivery = watched(measures, Backend())
    send(delivery, "a", "b")
    assert delivery.force_flush()
    delivery.start_anew()  # what a child does
    send(delivery, "c")
    assert delivery.force_flush()
    assert points(reader)["otel.sdk.exporter.span.exported", EXPORTER, None] == 3
    assert points(reader)["otel.sdk.processor.span.processed", PROCESSOR, None] == 3
    delivery.shutdown()


AN_APPLICATION = """
import agentsight_otel as agentsight
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

reader = InMemoryMetricReader()

def turns(count):
    for number in range(count):
        with agentsight.conversation("c"), agentsight.turn():
            pass
    assert agentsight.flush()

agentsight.init(span_exporter=InMemorySpanExporter())
turns(3)
metrics.set_meter_provider(MeterProvider([reader]))
turns(2)
agentsight.shutdown()
agentsight.init(span_exporter=InMemorySpanExporter())
turns(1)
for metric in reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics:
    points = [getattr(point, "value", None) or getattr(point, "count", None) for point in metric.data.data_points]
    print(metric.name, sum(filter(None, points)), metric.unit, bool(metric.description))
"""


def test_a_meter_provider_may_be_set_after_init() -> None:
    run = subprocess.run([sys.executable, "-c", AN_APPLICATION], capture_output=True, text=True, timeout=60, check=True)
    assert run.stderr == ""
    assert sorted(run.stdout.splitlines()) == [
        "otel.sdk.exporter.operation.duration 2 s True",
        "otel.sdk.exporter.span.exported 6 {span} True",
        "otel.sdk.processor.span.processed 6 {span} True",
        "otel.sdk.processor.span.queue.capacity 50000 {span} True",
        "otel.sdk.processor.span.queue.size 0 {span} True",
    ]
