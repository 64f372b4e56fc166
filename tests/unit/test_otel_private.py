"""What we touch of OpenTelemetry that is not public is still there, and still does what we use it for."""

import subprocess
from pathlib import Path
from typing import Any

import opentelemetry.context as otel_context
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

import agentsight_otel
from agentsight_otel._core import otel_private
from agentsight_otel._core.otel_context import suppressed_instrumentation


def test_the_runtime_context_is_the_one_that_the_public_functions_work_on() -> None:
    mine = Context({"mine": 1})
    token = otel_private.runtime_context.attach(mine)
    assert otel_context.get_current() == mine
    otel_private.runtime_context.detach(token)
    assert otel_context.get_current() != mine


def test_instrumentations_know_the_key_that_suppresses_them() -> None:
    assert is_instrumentation_enabled()
    with suppressed_instrumentation():
        assert not is_instrumentation_enabled()


def test_a_providers_processor_gets_its_spans() -> None:
    ended: list[str] = []

    class Processor(SpanProcessor):
        def on_end(self, span: Any) -> None:
            ended.append(span.name)

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Processor())
    span = TracerProvider(shutdown_on_exit=False).get_tracer("t").start_span("work")
    otel_private.processor_of(provider).on_end(span)
    assert ended == ["work"]
    assert otel_private.processor_of(object()) is None


def test_a_spans_events_and_links_are_where_we_look_for_them() -> None:
    span: Any = TracerProvider(shutdown_on_exit=False).get_tracer("t").start_span("work")
    assert len(span._events) == len(span._links) == 0
    assert list(otel_private.events_of(span)) == list(otel_private.links_of(span)) == []
    span.add_event("one")
    span.add_link(span.context)
    assert [event.name for event in otel_private.events_of(span)] == ["one"]
    assert [link.context for link in otel_private.links_of(span)] == [span.context]


def test_no_other_module_touches_what_is_not_public() -> None:
    package = Path(agentsight_otel.__file__).parent
    imports = r"from opentelemetry[a-z_.]* import (.*[ ,(])?_[A-Za-z]"
    pattern = rf"{imports}|opentelemetry[a-z_.]*\._|_active_span_processor|_RUNTIME_CONTEXT|_SUPPRESS_"
    found = subprocess.run(["grep", "-rlE", "--include=*.py", pattern, str(package)], capture_output=True, text=True)
    assert [Path(path).name for path in found.stdout.split()] == ["otel_private.py"]
