"""Delivery loses nothing quietly: retries, bounds, forks, flush and shutdown that tell the truth."""

import os
import threading
import time
from collections.abc import Iterator, Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Tracer

from agentsight_otel._export import delivery as delivery_module
from agentsight_otel._export.delivery import DeliveryProcessor
from agentsight_otel._export.errors import PermanentExportError


@pytest.fixture(autouse=True)
def no_delivery_outlives_its_test() -> Iterator[None]:
    yield
    for left in list(delivery_module.processors):
        left._shutdown_timeout_s = 0.0
        left.shutdown()


class Backend(SpanExporter):
    """A backend that can be away, refuse some spans, or hang."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.batches: list[int] = []
        self.away = False
        self.refused: set[str] = set()
        self.hang: threading.Event | None = None
        self.attempts = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.attempts += 1
        if self.hang is not None:
            self.hang.wait()
        if self.away:
            raise ConnectionError("away")
        if self.refused & {span.name for span in spans}:
            raise PermanentExportError("no good")
        self.taken += [span.name for span in spans]
        self.batches.append(len(spans))
        return SpanExportResult.SUCCESS


def tracer_of(delivery: DeliveryProcessor) -> Tracer:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(delivery)
    return provider.get_tracer("test")


def send(tracer: Tracer, *names: str) -> None:
    for name in names:
        tracer.start_span(name).end()


def until(condition: object, timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.005)


def test_a_flush_sends_everything_and_says_so() -> None:
    backend = Backend()
    delivery = DeliveryProcessor(backend, schedule_delay_s=60)
    send(tracer_of(delivery), *map(str, range(100)))
    assert delivery.force_flush()
    assert backend.taken == [str(number) for number in range(100)]
    assert (delivery.exported, delivery.dropped, delivery.queued) == (100, 0, 0)


def test_a_flush_that_fails_says_so_and_the_spans_arrive_later() -> None:
    backend = Backend()
    backend.away = True
    delivery = DeliveryProcessor(backend, schedule_delay_s=0.01)
    send(tracer_of(delivery), "a")
    assert delivery.force_flush(50) is False
    backend.away = False
    assert delivery.force_flush() is True
    assert backend.taken == ["a"]


def test_batches_are_bounded_in_spans_and_in_bytes() -> None:
    backend = Backend()
    delivery = DeliveryProcessor(backend, max_batch_spans=10, schedule_delay_s=60)
    send(tracer_of(delivery), *map(str, range(25)))
    assert delivery.force_flush()
    assert max(backend.batches) <= 10

    backend = Backend()
    delivery = DeliveryProcessor(backend, max_batch_bytes=10_000, schedule_delay_s=60)
    tracer = tracer_of(delivery)
    for number in range(5):
        tracer.start_span(str(number), attributes={"text": "x" * 8_000}).end()
    assert delivery.force_flush()
    assert backend.batches == [1, 1, 1, 1, 1]


def test_a_full_queue_drops_counts_and_never_waits() -> None:
    backend = Backend()
    backend.away = True
    delivery = DeliveryProcessor(backend, max_queue_spans=10)
    send(tracer_of(delivery), *map(str, range(15)))
    assert (delivery.queued, delivery.dropped) == (10, 5)
    backend.away = False
    assert delivery.force_flush() is False  # some of it was dropped
    assert backend.taken == [str(number) for number in range(10)]
    assert delivery.force_flush() is True
    assert delivery.dropped_by_reason == {"queue_full": 5}


def test_the_queue_is_bounded_in_bytes() -> None:
    backend = Backend()
    backend.away = True
    delivery = DeliveryProcessor(backend, max_queue_bytes=100_000)
    tracer = tracer_of(delivery)
    for _ in range(10):
        tracer.start_span("large", attributes={"text": "x" * 30_000}).end()
    assert delivery.queued == 3
    assert delivery.dropped == 7


def test_the_queue_is_bounded_in_bytes_while_the_background_thread_is_stuck() -> None:
    backend = Backend()
    backend.hang = threading.Event()
    delivery = DeliveryProcessor(backend, max_queue_bytes=4_000_000, max_batch_spans=1, schedule_delay_s=0)
    tracer = tracer_of(delivery)
    send(tracer, "first")
    until(lambda: backend.attempts == 1)
    for _ in range(300):
        tracer.start_span("large", attributes={"text": "x" * 100_000}).end()
    # 30 of them had not been measured when they came: 4,000,000 bytes by 128 KiB.
    assert 40 <= delivery.queued <= 75
    backend.hang.set()
    assert delivery.force_flush() is False  # some were dropped
    assert delivery.exported + delivery.dropped == 301 and delivery.queued == 0


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), GeneratorExit(), MemoryError()])
def test_an_exporter_that_raises_anything_ends_an_attempt_and_no_more(error: BaseException) -> None:
    class Failing(Backend):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            if not self.attempts:
                self.attempts = 1
                raise error
            return super().export(spans)

    backend = Failing()
    delivery = DeliveryProcessor(backend, schedule_delay_s=0)
    send(tracer_of(delivery), "a", "b")
    until(lambda: sorted(backend.taken) == ["a", "b"])
    assert delivery.dropped == 0


def test_one_refused_span_does_not_hold_back_the_others() -> None:
    backend = Backend()
    backend.refused = {"7"}
    delivery = DeliveryProcessor(backend, schedule_delay_s=60)
    send(tracer_of(delivery), *map(str, range(20)))
    assert delivery.force_flush() is False  # not all of it was taken
    assert sorted(backend.taken, key=int) == [str(number) for number in range(20) if number != 7]
    assert delivery.dropped == 1


def test_shutdown_is_bounded_when_the_backend_hangs() -> None:
    backend = Backend()
    backend.hang = threading.Event()
    delivery = DeliveryProcessor(backend, schedule_delay_s=0.001, shutdown_timeout_s=0.2)
    send(tracer_of(delivery), "a", "b")
    until(lambda: backend.attempts)
    stopping = threading.Thread(target=delivery.shutdown)
    stopping.start()
    until(lambda: not stopping.is_alive(), timeout_s=60)
    assert delivery.dropped == 2
    backend.hang.set()


def test_shutdown_sends_the_rest_and_later_spans_are_counted_as_dropped() -> None:
    backend = Backend()
    delivery = DeliveryProcessor(backend, schedule_delay_s=60)
    tracer = tracer_of(delivery)
    send(tracer, "a")
    delivery.shutdown()
    assert backend.taken == ["a"]
    send(tracer, "late")
    assert delivery.dropped == 1
    delivery.shutdown()


def test_many_threads_lose_nothing() -> None:
    backend = Backend()
    delivery = DeliveryProcessor(backend, max_batch_spans=64, schedule_delay_s=0.001)
    tracer = tracer_of(delivery)
    threads = [threading.Thread(target=lambda n=n: send(tracer, *(f"{n}-{i}" for i in range(500)))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert delivery.force_flush()
    assert len(set(backend.taken)) == len(backend.taken) == 4_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_sends_its_own_spans_and_not_its_parents() -> None:
    backend = Backend()
    delivery = DeliveryProcessor(backend, schedule_delay_s=60)
    tracer = tracer_of(delivery)
    send(tracer, "parent")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        send(tracer, "child")
        delivery.force_flush()
        os.write(writing, ",".join(backend.taken).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        assert pipe.read() == "child"
    os.waitpid(child, 0)
    assert delivery.force_flush()
    assert backend.taken == ["parent"]


def test_unsampled_spans_are_not_sent() -> None:
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

    backend = Backend()
    delivery = DeliveryProcessor(backend)
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    provider.add_span_processor(delivery)
    provider.get_tracer("test").start_span("a").end()
    assert delivery.force_flush()
    assert backend.taken == []
