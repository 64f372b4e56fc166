"""Masks and withheld content where an application has a tracer provider of its own."""

from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import agentsight_otel as agentsight
from tests.unit.own_provider import Application, named

pytestmark = pytest.mark.usefixtures("no_global_provider")


def test_beside_a_provider_what_reaches_us_is_masked_and_what_it_has_itself_is_not() -> None:
    application = Application(mask="email", capture_content=["tool_results"])
    with agentsight.conversation("c1"), agentsight.turn():
        attributes = {"note": "ann@example.com", "gen_ai.input.messages": "ann@example.com"}
        with application.tracer.start_as_current_span("GET ann@example.com", attributes=attributes):
            pass
    (ours,) = [span for span in application.ours if span.name.startswith("GET")]
    assert (ours.name, (ours.attributes or {})["note"]) == ("GET [email]", "[email]")
    assert "gen_ai.input.messages" not in (ours.attributes or {})
    (theirs,) = application.theirs
    assert theirs.name == "GET ann@example.com"
    assert {key: (theirs.attributes or {}).get(key) for key in attributes} == attributes


def emails_masked(key: str, value: Any) -> Any:
    return "masked" if "@" in str(value) else value


PRIVATE = {
    "mask": [emails_masked],
    "capture_content": ("messages", "tool_arguments"),
}


def private_conversation(application: Application) -> None:
    with agentsight.conversation("c1", customer_id="ann@example.com", metadata={"note": "x"}):
        with agentsight.turn(), application.tracer.start_as_current_span("chain"):
            agentsight.user_message("I am ann@example.com")
            with agentsight.tool("t", arguments={"to": "ann@example.com"}) as call:
                call.result("secret")
        agentsight.feedback("positive", comment="secret")


def test_attached_the_applications_backend_gets_what_masks_and_withholding_leave() -> None:
    exporter = InMemorySpanExporter()
    application = Application(tracer_provider=True, span_exporter=exporter, schedule_delay_s=0.001, **PRIVATE)
    private_conversation(application)
    agentsight.flush()
    for spans in (application.theirs, list(exporter.get_finished_spans())):
        assert sorted(span.name for span in spans) == ["chain", "execute_tool t", "feedback", "invoke_agent"]
        assert all((span.attributes or {})["user.id"] == "masked" for span in spans)
        written = "".join(span.to_json() for span in spans)
        assert "@" not in written
        assert "secret" not in written
        assert "note" not in written
        (message,) = named(spans, "invoke_agent").events
        assert (message.attributes or {})["agentsight.message.content"] == "masked"
        assert (named(spans, "execute_tool t").attributes or {})["gen_ai.tool.call.arguments"] == "masked"


def test_processors_that_the_application_adds_to_our_provider_get_what_masks_leave() -> None:
    exporter, added = InMemorySpanExporter(), InMemorySpanExporter()
    agentsight.init(span_exporter=exporter, schedule_delay_s=0.001, mask=lambda key, value: f"<{value}>")
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    provider.add_span_processor(SimpleSpanProcessor(added))
    with agentsight.conversation("c1"), agentsight.turn(), provider.get_tracer("library").start_as_current_span("chat"):
        agentsight.user_message("hello")
    agentsight.flush()
    spans = list(exporter.get_finished_spans())
    assert sorted(span.name for span in spans) == ["<chat>", "<invoke_agent>"]
    assert [span.to_json() for span in added.get_finished_spans()] == [span.to_json() for span in spans]


def test_masks_of_a_later_init_apply_to_spans_of_tracers_made_before() -> None:
    agentsight.init(span_exporter=InMemorySpanExporter(), mask=lambda key, value: value)
    tracer = trace.get_tracer("early library")
    agentsight.shutdown()
    exporter = InMemorySpanExporter()
    agentsight.init(span_exporter=exporter, schedule_delay_s=0.001, mask=[emails_masked])
    with agentsight.conversation("c1"), agentsight.turn():
        tracer.start_span("chat", attributes={"prompt": "ann@example.com"}).end()
    agentsight.flush()
    assert (named(list(exporter.get_finished_spans()), "chat").attributes or {})["prompt"] == "masked"


def test_attached_a_mask_sees_a_value_of_ours_once() -> None:
    exporter = InMemorySpanExporter()
    application = Application(
        tracer_provider=True, span_exporter=exporter, schedule_delay_s=0.001, mask=lambda key, value: f"<{value}>"
    )
    with agentsight.conversation("c1"), agentsight.turn():
        agentsight.user_message("hello")
    agentsight.flush()
    for spans in (application.theirs, list(exporter.get_finished_spans())):
        (message,) = named(spans, "<invoke_agent>").events
        assert (message.attributes or {})["agentsight.message.content"] == "<hello>"


def test_attached_a_processor_that_sends_spans_as_they_start_sees_them_masked() -> None:
    seen: list[str] = []

    class Pending(SpanProcessor):
        def on_start(self, span: Span, parent_context: Any = None) -> None:
            seen.append(span.to_json())

    application = Application(tracer_provider=True, mask=[emails_masked], capture_content=("messages",))
    application.provider.add_span_processor(Pending())
    with (
        agentsight.conversation("c1", customer_id="ann@example.com"),
        agentsight.turn(),
        agentsight.tool("t", arguments="secret"),
    ):
        pass
    assert len(seen) == 2
    assert all('"user.id": "masked"' in span and "@" not in span and "secret" not in span for span in seen)


def test_attached_a_mask_that_fails_withholds_and_nothing_is_raised() -> None:
    def failing(key: str, value: Any) -> Any:
        raise ValueError(key)

    application = Application(tracer_provider=True, mask=failing)
    private_conversation(application)
    assert len(application.theirs) == 4
    ours = "".join(span.to_json() for span in application.theirs)
    assert "ann" not in ours
    assert "withheld" in ours
