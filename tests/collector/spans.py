"""Spans made by hand, to be sent as they are."""

from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, TraceFlags

START_NS = 1_700_000_000_000_000_000


def span(number: int, **changes: Any) -> ReadableSpan:
    """A span whose id, name and start say its number."""
    given: dict[str, Any] = {
        "name": f"span {number}",
        "context": SpanContext(0xABC, number, False, TraceFlags(1)),
        "resource": Resource({"service.name": "agent"}),
        "instrumentation_scope": InstrumentationScope("scope", "1"),
        "start_time": START_NS + number,
        "end_time": START_NS + number + 1_000,
        **changes,
    }
    return ReadableSpan(**given)
