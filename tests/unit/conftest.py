"""Fixtures of the SDK's tests."""

from collections.abc import Iterator

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.util._once import Once

import agentsight_otel as agentsight
from agentsight_otel._core import guard
from agentsight_otel._tracing import context
from agentsight_otel.compat.tracking.tracked import TRACKED
from agentsight_otel.testing import Capture, capture


@pytest.fixture(autouse=True)
def fresh_context() -> Iterator[None]:
    """No conversation of another test."""
    token = otel_context.attach(otel_context.Context())
    with context.outside():
        yield
    otel_context.detach(token)


@pytest.fixture
def spans() -> Iterator[Capture]:
    """What is recorded in the test, with fixed ids and times."""
    with capture() as captured:
        yield captured


@pytest.fixture
def real_spans() -> Iterator[Capture]:
    """What is recorded in the test, with random ids and the real time."""
    with capture(fixed=False) as captured:
        yield captured


@pytest.fixture
def nothing_left_over() -> Iterator[None]:
    """What a test tracks and does not send is not the next one's."""
    yield
    TRACKED.backlog.take_all()


@pytest.fixture
def no_global_provider() -> Iterator[None]:
    """OpenTelemetry has no global provider, as in a new process; errors of telemetry fail the test."""
    before = trace._TRACER_PROVIDER, trace._TRACER_PROVIDER_SET_ONCE
    trace._TRACER_PROVIDER, trace._TRACER_PROVIDER_SET_ONCE = None, Once()
    token = otel_context.attach(otel_context.Context())
    raising = guard.raise_errors(True)
    try:
        yield
    finally:
        agentsight.shutdown()
        guard.raise_errors(raising)
        otel_context.detach(token)
        trace._TRACER_PROVIDER, trace._TRACER_PROVIDER_SET_ONCE = before


@pytest.fixture(autouse=True)
def no_detach_failures(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """OpenTelemetry logs a context that is left elsewhere than it was entered; nothing of ours ever does that."""
    yield
    logged = [record.getMessage() for when in ("setup", "call") for record in caplog.get_records(when)]
    assert "Failed to detach context" not in logged
