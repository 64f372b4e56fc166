"""Fixtures of the SDK's tests."""

from collections.abc import Iterator

import pytest
from opentelemetry import context as otel_context

from agentsight_otel.testing import Capture, capture


@pytest.fixture(autouse=True)
def fresh_context() -> Iterator[None]:
    """No conversation of another test."""
    token = otel_context.attach(otel_context.Context())
    yield
    otel_context.detach(token)


@pytest.fixture
def spans() -> Iterator[Capture]:
    """What is recorded in the test."""
    with capture() as captured:
        yield captured


@pytest.fixture(autouse=True)
def no_detach_failures(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """OpenTelemetry logs a context that is left elsewhere than it was entered; nothing of ours ever does that."""
    yield
    logged = [record.getMessage() for when in ("setup", "call") for record in caplog.get_records(when)]
    assert "Failed to detach context" not in logged
