"""init, flush and shutdown over and over, at the same time, in vain, and while the clock stands still."""

import math
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import agentsight_otel as agentsight
from agentsight_otel._export import delivery
from agentsight_otel._lifecycle import exits, setup


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    yield
    agentsight.shutdown()


class Backend(SpanExporter):
    """One that can be away, and whose end can take long."""

    def __init__(self) -> None:
        self.away = False
        self.taken: list[str] = []
        self.may_end = threading.Event()
        self.may_end.set()
        self.is_ending = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self.away:
            return SpanExportResult.FAILURE
        self.taken += [span.name for span in spans]
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self.is_ending.set()
        self.may_end.wait(30)


def test_what_starts_while_a_shutdown_runs_is_shut_down_at_exit_too() -> None:
    slow = Backend()
    slow.may_end.clear()
    agentsight.init(span_exporter=slow, set_global=False)
    stopping = threading.Thread(target=agentsight.shutdown)
    stopping.start()
    assert slow.is_ending.wait(30)
    backend = Backend()
    assert agentsight.init(span_exporter=backend, set_global=False)
    slow.may_end.set()
    stopping.join(30)
    assert setup.state.started is not None and exits._current is setup.state.started.watch
    with agentsight.tool("work"):
        pass
    exits._at_exit()
    assert backend.taken == ["execute_tool work"]


def processors_of(provider: Any) -> int:
    return len(provider._active_span_processor._span_processors)


def test_no_processor_is_left_behind_by_init_after_init() -> None:
    application = TracerProvider(shutdown_on_exit=False)
    counts = []
    for _ in range(3):
        agentsight.init(span_exporter=InMemorySpanExporter())
        ours = trace.get_tracer_provider()
        agentsight.shutdown()
        exporter = InMemorySpanExporter()
        agentsight.init(span_exporter=exporter, tracer_provider=application, schedule_delay_s=0.001)
        with agentsight.conversation("c1"), agentsight.tool("work"):
            pass
        agentsight.shutdown()
        assert [span.name for span in exporter.get_finished_spans()] == ["execute_tool work"]
        counts.append((processors_of(ours), processors_of(application)))
    assert counts[1] == counts[2]


def test_an_init_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    backend = Backend()
    backend.away = True
    settings: dict[str, Any] = {"set_global": False, "spool_dir": str(tmp_path), "shutdown_timeout_s": 0}
    agentsight.init(span_exporter=backend, **settings)
    with agentsight.tool("work"):
        pass
    agentsight.shutdown()
    assert list(tmp_path.glob("*.otlp"))
    before = set(delivery.processors)
    with pytest.raises(agentsight.SettingError):
        agentsight.init(span_exporter=Backend(), tracer_provider="none", **settings)  # type: ignore[arg-type]
    assert [made for made in set(delivery.processors) - before if made._worker is not None] == []
    assert exits._current is None
    backend = Backend()
    assert agentsight.init(span_exporter=backend, **settings)  # and what waits on disk is not lost on it
    assert setup.state.started is not None and setup.state.started.delivery is not None
    deadline = time.monotonic() + 30
    while not backend.taken and time.monotonic() < deadline:
        time.sleep(0.01)
    assert backend.taken == ["execute_tool work"]


@pytest.mark.parametrize("timeout_s", [math.inf, 1e300, 5])
def test_a_flush_may_be_given_any_time(timeout_s: float) -> None:
    backend = Backend()
    agentsight.init(span_exporter=backend, set_global=False, schedule_delay_s=60)
    with agentsight.tool("work"):
        pass
    assert agentsight.flush(timeout_s=timeout_s)
    assert backend.taken == ["execute_tool work"]


@pytest.mark.parametrize("timeout_s", [math.nan, -1, 0, -math.inf])
def test_a_flush_that_is_given_no_time_waits_for_nothing(timeout_s: float) -> None:
    backend = Backend()
    backend.away = True
    agentsight.init(span_exporter=backend, set_global=False, schedule_delay_s=60, shutdown_timeout_s=0)
    with agentsight.tool("work"):
        pass
    assert agentsight.flush(timeout_s=timeout_s) is False


WITH_ANOTHER_CLOCK = """
import time, freezegun, time_machine
import agentsight_otel as agentsight
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

class Backend(SpanExporter):
    away, taken = True, []

    def export(self, spans):
        self.taken += [span.name for span in spans] * (not self.away)
        return SpanExportResult.FAILURE if self.away else SpanExportResult.SUCCESS

backend, results = Backend(), []
agentsight.init(span_exporter=backend, set_global=False, schedule_delay_s=0.01, shutdown_timeout_s=0.2)
with {clock}:
    with agentsight.conversation("c1"):
        turn = agentsight.turn(timeout_s=0.05).__enter__()
        turn.keep_open()
        with agentsight.tool("work"):
            pass
    results.append(agentsight.flush(timeout_s=0.2))
    backend.away = False
    results.append(agentsight.flush(timeout_s=20))
    while not turn.finished:
        time.sleep(0.01)
    results.append(agentsight.flush(timeout_s=20))
assert results == [False, True, True], results
assert backend.taken == ["execute_tool work", "invoke_agent"], backend.taken
"""


@pytest.mark.parametrize(
    "clock",
    [
        "freezegun.freeze_time('2020-01-01')",
        "time_machine.travel('2020-01-01', tick=False)",
        "time_machine.travel('2040-01-01')",
    ],
)
def test_whatever_the_clock_says_delivery_goes_on_and_waiting_ends(clock: str) -> None:
    # In a process of its own, as freezegun 1.5 crashes where it comes upon some compiled modules of other libraries.
    program = WITH_ANOTHER_CLOCK.replace("{clock}", clock)
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
