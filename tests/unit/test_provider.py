"""Life with an application's own tracer provider: beside it, attached to it, and without one."""

import asyncio
import gc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import SpanContext, Tracer
from opentelemetry.util._once import Once

import agentsight_otel as agentsight
from agentsight_otel import _guard, identity, lineage
from agentsight_otel.config import SettingError
from agentsight_otel.testing import Capture


class Application:
    """An application with a tracer provider and a backend of its own, and our backend.

    Args:
        sampler: The application's.
        settings: As for ``init()``; ``tracer_provider=True`` attaches.
    """

    def __init__(self, sampler: Sampler = ALWAYS_ON, *, make_global: bool = True, **settings: Any) -> None:
        self.provider = TracerProvider(
            sampler=sampler, resource=Resource.create({"service.name": "shop"}), shutdown_on_exit=False
        )
        self.exporter, self.our_exporter = InMemorySpanExporter(), InMemorySpanExporter()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        if make_global:
            trace.set_tracer_provider(self.provider)
        if settings.get("tracer_provider"):
            agentsight.init(**{**settings, "tracer_provider": self.provider})
        else:
            agentsight.init(span_exporter=self.our_exporter, schedule_delay_s=0.001, **settings)
        self.tracer: Tracer = self.provider.get_tracer("application")

    @property
    def theirs(self) -> list[ReadableSpan]:
        agentsight.flush()
        return list(self.exporter.get_finished_spans())

    @property
    def ours(self) -> list[ReadableSpan]:
        agentsight.flush()
        return list(self.our_exporter.get_finished_spans())


@pytest.fixture(autouse=True)
def no_global_provider() -> Iterator[None]:
    """As in a new process, before and after."""
    before = trace._TRACER_PROVIDER, trace._TRACER_PROVIDER_SET_ONCE
    trace._TRACER_PROVIDER, trace._TRACER_PROVIDER_SET_ONCE = None, Once()
    token = otel_context.attach(otel_context.Context())
    raising = _guard.raise_errors(True)
    try:
        yield
    finally:
        agentsight.shutdown()
        _guard.raise_errors(raising)
        otel_context.detach(token)
        trace._TRACER_PROVIDER, trace._TRACER_PROVIDER_SET_ONCE = before


def forest(spans: list[ReadableSpan]) -> list[Any]:
    """The spans by start, as [name, children] below a parent that is there; one whose parent is not is marked."""
    ordered = sorted(spans, key=lambda span: span.start_time or 0)
    nodes: dict[tuple[int, int], list[Any]] = {}
    roots: list[Any] = []
    for span in ordered:
        assert span.context is not None
        node: list[Any] = [span.name, []]
        nodes[span.context.trace_id, span.context.span_id] = node
        if span.parent is None:
            roots.append(node)
            continue
        above = nodes.get((span.parent.trace_id, span.parent.span_id))
        (roots if above is None else above[1]).append(node if above else [f"HOLE {span.name}", node[1]])
    return roots


def named(spans: list[ReadableSpan], name: str) -> ReadableSpan:
    [found] = [span for span in spans if span.name == name]
    return found


def context_of(span: ReadableSpan) -> SpanContext:
    assert span.context is not None
    return span.context


def serve(application: Application) -> None:
    """One request: a turn with a tool, and spans of the application before, in and after."""
    with application.tracer.start_as_current_span("POST /chat"):
        with application.tracer.start_as_current_span("session"):
            pass
        with agentsight.conversation("c1", customer_id="u1", customer_ip_address="9.9.9.9"), agentsight.turn():
            agentsight.user_message("a secret")
            with (
                application.tracer.start_as_current_span("chain"),
                agentsight.tool("search", arguments={"query": "secret"}) as call,
            ):
                with application.tracer.start_as_current_span("SELECT"):
                    pass
                call.result("secret")
            agentsight.agent_message("a secret")
        with application.tracer.start_as_current_span("render"):
            pass


THEIR_TREE = [["POST /chat", [["session", []], ["chain", [["SELECT", []]]], ["render", []]]]]
OUR_TREE = [["invoke_agent", [["chain", [["execute_tool search", [["SELECT", []]]]]]]]]


def test_beside_a_provider_its_tree_stays_whole_and_ours_has_its_spans_in_place() -> None:
    application = Application()
    serve(application)
    assert forest(application.theirs) == THEIR_TREE
    assert forest(application.ours) == OUR_TREE
    assert {context_of(span).trace_id for span in application.ours} == {identity.trace_id("c1")}


def test_beside_a_provider_its_backend_gets_nothing_of_a_conversation() -> None:
    application = Application()
    serve(application)
    told = "".join(span.to_json() for span in application.theirs)
    for ours in ("secret", "agentsight", "gen_ai", '"c1"', '"u1"', "9.9.9"):
        assert ours not in told


def test_beside_a_provider_its_spans_reach_us_with_identity_our_resource_and_a_link_to_the_original() -> None:
    application = Application(environment="production")
    serve(application)
    ours, original = named(application.ours, "SELECT"), named(application.theirs, "SELECT")
    attributes = dict(ours.attributes or {})
    assert attributes.pop("agentsight.turn.id")
    assert attributes == {"gen_ai.conversation.id": "c1", "user.id": "u1", "client.address": "9.9.9.0"}
    assert [link.context for link in ours.links] == [original.context]
    assert ours.resource.attributes["service.name"] == "shop"
    assert ours.resource.attributes["deployment.environment.name"] == "production"
    assert (ours.start_time, ours.end_time) == (original.start_time, original.end_time)
    turn = named(application.ours, "invoke_agent")
    assert [link.context for link in turn.links] == [named(application.theirs, "POST /chat").context]


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


@pytest.mark.parametrize(
    "sampler", [ALWAYS_OFF, ParentBased(ALWAYS_OFF), TraceIdRatioBased(0)], ids=["off", "parent-based", "ratio"]
)
def test_beside_a_provider_no_sampler_of_its_own_deletes_a_conversation(sampler: Sampler) -> None:
    application = Application(sampler)
    serve(application)
    assert application.theirs == []
    assert forest(application.ours) == OUR_TREE
    assert all(not span.links for span in application.ours if span.name == "SELECT")


def test_beside_a_provider_an_unsampled_request_from_elsewhere_deletes_nothing() -> None:
    application = Application(ParentBased(ALWAYS_ON))
    remote = SpanContext(1, 2, is_remote=True, trace_flags=trace.TraceFlags(0))
    with trace.use_span(trace.NonRecordingSpan(remote)):
        serve(application)
    assert application.theirs == []
    assert forest(application.ours) == OUR_TREE


def test_what_the_application_does_outside_conversations_is_not_ours() -> None:
    application = Application()
    with application.tracer.start_as_current_span("cron"), application.tracer.start_as_current_span("SELECT"):
        pass
    assert forest(application.theirs) == [["cron", [["SELECT", []]]]]
    assert application.ours == []


def test_without_a_span_of_the_application_around_its_spans_are_roots_there_and_below_the_turn_here() -> None:
    application = Application()
    with agentsight.conversation("c1"), agentsight.turn(), application.tracer.start_as_current_span("chat"):
        with application.tracer.start_as_current_span("POST"):
            pass
    assert forest(application.theirs) == [["chat", [["POST", []]]]]
    assert forest(application.ours) == [["invoke_agent", [["chat", [["POST", []]]]]]]


def test_a_conversation_without_a_turn_keeps_the_applications_own_order() -> None:
    application = Application()
    with application.tracer.start_as_current_span("job"), agentsight.conversation("c1"):
        with application.tracer.start_as_current_span("chat"), application.tracer.start_as_current_span("POST"):
            pass
    assert forest(application.theirs) == [["job", [["chat", [["POST", []]]]]]]
    assert forest(application.ours) == [["chat", [["POST", []]]]]


def test_concurrent_conversations_under_one_request_do_not_mix() -> None:
    application = Application()

    async def one(name: str) -> None:
        with agentsight.conversation(name), agentsight.turn():
            for _ in range(3):
                with application.tracer.start_as_current_span("chat"):
                    await asyncio.sleep(0)
                    with agentsight.tool("t"):
                        await asyncio.sleep(0)
                        with ThreadPoolExecutor(1) as pool:
                            pool.submit(copy_context().run, query).result()

    def query() -> None:
        with application.tracer.start_as_current_span("SELECT"):
            pass

    async def main() -> None:
        with application.tracer.start_as_current_span("websocket"):
            await asyncio.gather(*(one(f"c{number}") for number in range(5)))

    asyncio.run(main())
    assert forest(application.theirs) == [["websocket", [["chat", [["SELECT", []]]]] * 15]]
    chat = ["chat", [["execute_tool t", [["SELECT", []]]]]]
    assert forest(application.ours) == [["invoke_agent", [chat] * 3]] * 5
    for span in application.ours:
        assert span.context is not None
        assert span.context.trace_id == identity.trace_id(str((span.attributes or {})["gen_ai.conversation.id"]))


def test_a_context_made_from_nothing_takes_the_identity_of_the_span_above() -> None:
    application = Application()
    with agentsight.conversation("c1"):
        above = application.tracer.start_span("chain")
    below = application.tracer.start_span("chat", trace.set_span_in_context(above, otel_context.Context()))
    below.end()
    above.end()
    assert forest(application.ours) == [["chain", [["chat", []]]]]
    assert (named(application.ours, "chat").attributes or {})["gen_ai.conversation.id"] == "c1"


def test_a_share_of_the_conversations_is_a_share_of_the_applications_spans_too() -> None:
    application = Application(sample_ratio=0.5)
    for number in range(50):
        with agentsight.conversation(f"c{number}"), agentsight.turn(), application.tracer.start_as_current_span("chat"):
            pass
    assert len(application.theirs) == 50
    seen: dict[int, set[str]] = {}
    for span in application.ours:
        seen.setdefault(context_of(span).trace_id, set()).add(span.name)
    assert 10 < len(seen) < 40
    assert all(names == {"invoke_agent", "chat"} for names in seen.values())


def test_spans_of_the_application_that_never_end_leave_nothing_behind() -> None:
    application = Application()
    before = lineage.count_adopted()
    with agentsight.conversation("c1"), agentsight.turn():
        for _ in range(100):
            application.tracer.start_span("forgotten")
    gc.collect()
    assert lineage.count_adopted() == before


def test_after_shutdown_the_application_is_as_it_was_and_init_may_follow() -> None:
    application = Application(ALWAYS_OFF)
    assert application.provider.sampler is not ALWAYS_OFF
    agentsight.shutdown()
    assert application.provider.sampler is ALWAYS_OFF
    serve(application)
    assert application.ours == []
    exporter = InMemorySpanExporter()
    agentsight.init(span_exporter=exporter, schedule_delay_s=0.001)
    application.tracer = application.provider.get_tracer("application")
    serve(application)
    agentsight.flush()
    assert forest(list(exporter.get_finished_spans())) == OUR_TREE


def test_a_provider_that_is_not_the_global_one_takes_part_by_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    from agentsight_otel import runtime

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


def test_the_threading_instrumentation_carries_conversations_into_threads_of_the_application() -> None:
    from threading import Thread

    from opentelemetry.instrumentation.threading import ThreadingInstrumentor

    application = Application()

    def work() -> None:
        with agentsight.tool("t"), application.tracer.start_as_current_span("SELECT"):
            pass

    ThreadingInstrumentor().instrument()
    try:
        with application.tracer.start_as_current_span("POST /chat"), agentsight.conversation("c1"), agentsight.turn():
            thread = Thread(target=work)
            thread.start()
            thread.join()
            with ThreadPoolExecutor(1) as pool:
                pool.submit(work).result()
    finally:
        ThreadingInstrumentor().uninstrument()
    assert forest(application.theirs) == [["POST /chat", [["SELECT", []], ["SELECT", []]]]]
    assert forest(application.ours) == [["invoke_agent", [["execute_tool t", [["SELECT", []]]]] * 2]]


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
