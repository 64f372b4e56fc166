"""OTLP to real receivers, over gRPC and HTTP, that fail in every way there is: nothing is lost, nothing comes twice."""

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import SpanLimits, TracerProvider

import agentsight_otel as agentsight
from agentsight_otel._core import guard
from agentsight_otel._export.delivery import DeliveryProcessor
from agentsight_otel._export.otlp import OtlpGrpcSpanExporter, OtlpHttpSpanExporter
from agentsight_otel._lifecycle import setup
from benchmarks.faulty_receiver import FaultyReceiver, faulty_receiver

EXPORTERS = {"grpc": OtlpGrpcSpanExporter, "http/protobuf": OtlpHttpSpanExporter}
PASSING = ("unavailable", "throttling", "exhausted", "failing", "hanging", "closing", "absent")


@pytest.fixture(params=EXPORTERS)
def protocol(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", request.param)
    return str(request.param)


@pytest.fixture
def receiver(protocol: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyReceiver]:
    with faulty_receiver(protocol, tmp_path) as running:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.endpoint)
        yield running


class Sender:
    """Spans into delivery over a real exporter."""

    def __init__(self, protocol: str) -> None:
        self.failures: list[BaseException] = []
        self.delivery = DeliveryProcessor(
            EXPORTERS[protocol](timeout_s=1.5),
            schedule_delay_s=0.01,
            on_attempt=lambda seconds, error: self.failures.append(error) if error else None,
        )
        provider = TracerProvider(
            shutdown_on_exit=False, span_limits=SpanLimits(max_events=SpanLimits.UNSET, max_span_attributes=100_000)
        )
        provider.add_span_processor(self.delivery)
        self.tracer = provider.get_tracer("test")
        self.ids: list[str] = []

    def send(self, count: int = 1, **attributes: str) -> None:
        for _ in range(count):
            span = self.tracer.start_span("work", attributes=attributes)
            span.end()
            self.ids.append(f"{span.get_span_context().span_id:016x}")


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)


def test_a_conversation_arrives_although_the_receiver_was_away_at_first(receiver: FaultyReceiver) -> None:
    receiver.become("absent")
    agentsight.init(service_name="agent", set_global=False)
    with agentsight.conversation("c1"), agentsight.turn(agent="bot"), agentsight.tool("search"):
        agentsight.user_message("hi")
    assert agentsight.flush(timeout_s=0.2) is False
    receiver.become("ok")
    assert agentsight.flush(timeout_s=60)
    assert len(receiver.received()) == 2
    assert agentsight.shutdown()


def test_every_failure_that_passes_costs_nothing(
    protocol: str, receiver: FaultyReceiver, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "_said", {})
    sender = Sender(protocol)
    for mode in PASSING:
        receiver.become(mode)
        failed = len(sender.failures)
        sender.send(100)
        until(lambda failed=failed: len(sender.failures) > failed)
        receiver.become("ok")
        assert sender.delivery.force_flush(60_000), mode
    assert sorted(receiver.received()) == sorted(sender.ids)
    assert sender.delivery.exported == len(sender.ids)
    assert sender.delivery.dropped == 0
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert {record.name for record in warnings} == {"agentsight_otel"}  # none of the stock exporters'
    assert sum("100 span(s) not delivered yet, 0 lost" in record.getMessage() for record in warnings) == 1
    sender.delivery.shutdown()


def test_the_spans_that_are_refused_are_found_and_counted(protocol: str, receiver: FaultyReceiver) -> None:
    sender = Sender(protocol)
    sender.send(40)
    sender.send(2, poison="yes")
    sender.send(40)
    assert sender.delivery.force_flush(60_000) is False
    assert sorted(receiver.received()) == sorted(sender.ids[:40] + sender.ids[42:])
    assert sender.delivery.dropped_by_reason == {"refused": 2}
    sender.delivery.shutdown()


def test_no_request_is_larger_than_a_receiver_takes(protocol: str, receiver: FaultyReceiver) -> None:
    sender = Sender(protocol)
    sender.send(512, text="x" * 16_000)
    sender.send(40, text="é" * 200_000)
    sender.send(1, text="x" * 9_000_000)
    turn = sender.tracer.start_span("turn of many messages")
    for number in range(10_000):
        turn.add_event("agentsight.message", {"agentsight.message.content": f"{number} " + "y" * 900})
    turn.end()
    assert sender.delivery.force_flush(60_000)
    assert len(receiver.received()) == 512 + 40 + 1 + 1
    assert receiver.largest_request_bytes() <= 3_670_016
    sender.delivery.shutdown()


def test_what_cannot_be_encoded_is_mended(protocol: str, receiver: FaultyReceiver) -> None:
    sender = Sender(protocol)
    sender.send(3)
    span = sender.tracer.start_span("\ud800", attributes={"text": "\udfff", "large": 2**70})
    span.add_event("\ud801", {"text": "\udffe"})
    span.end()
    assert sender.delivery.force_flush(60_000)
    assert len(receiver.received()) == 4
    sender.delivery.shutdown()


def test_shutdown_does_not_wait_for_a_receiver_that_hangs(protocol: str, receiver: FaultyReceiver) -> None:
    receiver.become("hanging")
    sender = Sender(protocol)
    sender.delivery._exporter._timeout_s = 60  # type: ignore[attr-defined]
    sender.delivery._shutdown_timeout_s = 0.5
    sender.send(3)
    began = time.monotonic()
    sender.delivery.shutdown()
    assert time.monotonic() - began < 5
    assert sender.delivery.dropped_by_reason == {"unsent": 3}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "nan"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zip"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such/file.pem"),
    ],
)
def test_what_the_standard_variables_cannot_mean_is_a_clear_error(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(agentsight.SettingError, match=f"{name}: '{value}': expected"):
        agentsight.init(set_global=False)


@pytest.mark.parametrize(
    ("said", "own", "argument", "timeout_s"),
    [
        ("", "", None, 10.0),
        ("7", "", None, 7.0),
        ("10000", "", None, 60.0),
        ("7", "90", None, 90.0),
        ("7", "90", 3, 3.0),
        ("7", "", 3, 3.0),
    ],
)
def test_the_timeout_of_one_attempt_is_the_arguments_then_our_variables_then_the_standards(
    said: str, own: str, argument: float | None, timeout_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", said)
    if own:
        monkeypatch.setenv("AGENTSIGHT_EXPORT_TIMEOUT_S", own)
    agentsight.init(set_global=False, **({} if argument is None else {"export_timeout_s": argument}))
    assert setup.state.started is not None
    exporter = setup.state.started.delivery._exporter
    assert isinstance(exporter, OtlpHttpSpanExporter)
    assert exporter._timeout_s == timeout_s
    agentsight.shutdown()
