"""Attached to an application's tracer provider, and alone."""

from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import Tracer

import agentsight_otel as agentsight
from agentsight_otel._core.config import SettingError
from agentsight_otel.testing import Capture
from tests.unit.own_provider import OUR_TREE, THEIR_TREE, Application, forest, named, serve

pytestmark = pytest.mark.usefixtures("no_global_provider")


def test_a_provider_that_is_not_the_global_one_takes_part_by_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    from agentsight_otel._tracing import runtime

    monkeypatch.setattr(runtime, "_expects_host", False)
    application = Application(make_global=False, set_global=False)
    application.provider.add_span_processor(agentsight.ConversationSpanProcessor())
    serve(application)
    assert forest(application.theirs) == THEIR_TREE
    assert forest(application.ours) == OUR_TREE


def test_attached_our_spans_go_through_the_applications_processors() -> None:
    application = Application(tracer_provider=True)
    serve(application)
    assert forest(application.theirs) == [
        ["POST /chat", [["session", []], ["chain", [["SELECT", []]]], ["render", []]]],
        ["invoke_agent", [["execute_tool search", []]]],
    ]
    inside = [span for span in application.theirs if span.name in ("chain", "SELECT")]
    assert all((span.attributes or {})["gen_ai.conversation.id"] == "c1" for span in inside)
    assert "secret" in named(application.theirs, "invoke_agent").to_json()
    assert "user.id" not in (named(application.theirs, "session").attributes or {})


def test_attached_and_no_span_of_the_application_around_its_spans_are_below_ours() -> None:
    application = Application(tracer_provider=True)
    with agentsight.conversation("c1"), agentsight.turn(), application.tracer.start_as_current_span("chain"):
        with agentsight.tool("t"), application.tracer.start_as_current_span("chat"):
            pass
    assert forest(application.theirs) == [["invoke_agent", [["chain", [["execute_tool t", [["chat", []]]]]]]]]


@pytest.mark.parametrize(
    "sampler", [ALWAYS_OFF, ParentBased(ALWAYS_OFF), TraceIdRatioBased(0)], ids=["off", "parent-based", "ratio"]
)
def test_attached_no_sampler_of_the_application_deletes_a_conversation(sampler: Sampler) -> None:
    application = Application(sampler, tracer_provider=True)
    serve(application)
    assert forest(application.theirs) == OUR_TREE


def test_attached_an_exporter_of_our_own_gets_the_conversations_and_nothing_else() -> None:
    exporter = InMemorySpanExporter()
    application = Application(tracer_provider=True, span_exporter=exporter, schedule_delay_s=0.001)
    serve(application)
    agentsight.flush()
    names = sorted(span.name for span in exporter.get_finished_spans())
    assert names == ["SELECT", "chain", "execute_tool search", "invoke_agent"]
    agentsight.shutdown()
    serve(application)
    assert len(exporter.get_finished_spans()) == 4
    assert sum(span.name == "POST /chat" for span in application.exporter.get_finished_spans()) == 2


class Proxy(trace.TracerProvider):
    """As other SDKs' global providers: not OpenTelemetry's class, and without weak references or a hash."""

    __slots__ = ("inner",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, inner: TracerProvider) -> None:
        self.__dict__["inner"] = inner

    def get_tracer(self, *args: Any, **kwargs: Any) -> Tracer:
        return self.__dict__["inner"].get_tracer(*args, **kwargs)  # type: ignore[no-any-return]

    def add_span_processor(self, processor: SpanProcessor) -> None:
        self.__dict__["inner"].add_span_processor(processor)


@pytest.mark.parametrize("attach", [False, True], ids=["beside", "attached"])
def test_a_proxy_of_a_provider_is_the_applications(monkeypatch: pytest.MonkeyPatch, attach: bool) -> None:
    provider, theirs, ours = TracerProvider(shutdown_on_exit=False), InMemorySpanExporter(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(theirs))
    trace.set_tracer_provider(Proxy(provider))
    application = object.__new__(Application)
    application.provider, application.exporter, application.our_exporter = provider, theirs, ours
    if attach:
        agentsight.init(tracer_provider=trace.get_tracer_provider())
    else:
        agentsight.init(span_exporter=ours, schedule_delay_s=0.001)
    application.tracer = trace.get_tracer("application")
    serve(application)
    if attach:
        assert [tree for tree in forest(application.theirs) if tree[0] == "invoke_agent"] == [
            ["invoke_agent", [["execute_tool search", []]]]
        ]
    else:
        assert forest(application.theirs) == THEIR_TREE
        assert forest(application.ours) == OUR_TREE


def test_a_provider_that_takes_no_processors_keeps_its_traces_and_is_named(caplog: pytest.LogCaptureFixture) -> None:
    class Foreign(trace.TracerProvider):
        def get_tracer(self, *args: Any, **kwargs: Any) -> Tracer:
            return inner.get_tracer("theirs")

    inner = TracerProvider(shutdown_on_exit=False)
    theirs, ours = InMemorySpanExporter(), InMemorySpanExporter()
    inner.add_span_processor(SimpleSpanProcessor(theirs))
    trace.set_tracer_provider(Foreign())
    agentsight.init(span_exporter=ours, schedule_delay_s=0.001)
    application = object.__new__(Application)
    application.exporter, application.our_exporter = theirs, ours
    application.tracer = trace.get_tracer("application")
    serve(application)
    assert forest(application.theirs) == THEIR_TREE
    assert forest(application.ours) == [["invoke_agent", [["execute_tool search", []]]]]
    assert "Foreign, takes no span processors" in caplog.text


def test_attaching_to_something_else_is_an_error_that_says_what_was_expected() -> None:
    with pytest.raises(SettingError, match=r"tracer_provider: str: expected an opentelemetry\.sdk\.trace"):
        agentsight.init(tracer_provider="jaeger")  # type: ignore[arg-type]
    assert not agentsight.is_enabled()


def test_alone_our_provider_is_the_global_one_also_after_shutdown_and_init() -> None:
    tracer = trace.get_tracer("early library")
    for conversation_id in ("c1", "c2"):
        exporter = InMemorySpanExporter()
        agentsight.init(span_exporter=exporter, schedule_delay_s=0.001)
        with tracer.start_as_current_span("POST /chat"), agentsight.conversation(conversation_id), agentsight.turn():
            with tracer.start_as_current_span("chat"):
                pass
        agentsight.flush()
        captured = Capture(exporter)
        assert forest(captured.finished) == [["POST /chat", []], ["invoke_agent", [["chat", []]]]]
        assert (captured.named("chat").attributes or {})["gen_ai.conversation.id"] == conversation_id
        agentsight.shutdown()


def test_attached_a_second_report_of_a_tool_call_that_says_so_at_its_start_is_marked() -> None:
    application = Application(tracer_provider=True)
    attributes = {"openinference.span.kind": "TOOL", "tool.name": "t", "input.value": "kept"}
    with agentsight.conversation("c1"), agentsight.turn(), agentsight.tool("t"):
        with application.tracer.start_as_current_span("run", attributes=attributes):
            pass
    found = dict(named(application.theirs, "run").attributes or {})
    assert found["openinference.span.kind"] == "CHAIN"
    assert found["agentsight.span.kind"] == "task"
    assert found["input.value"] == "kept"
