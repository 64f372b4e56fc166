"""Beside an application's tracer provider: its traces stay whole, and conversations have its spans."""

import asyncio
import gc
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import SpanContext

import agentsight_otel as agentsight
from agentsight_otel._tracing import ids, parents
from tests.unit.own_provider import OUR_TREE, THEIR_TREE, Application, context_of, forest, named, serve

pytestmark = pytest.mark.usefixtures("no_global_provider")


def test_beside_a_provider_its_tree_stays_whole_and_ours_has_its_spans_in_place() -> None:
    application = Application()
    serve(application)
    assert forest(application.theirs) == THEIR_TREE
    assert forest(application.ours) == OUR_TREE
    assert {context_of(span).trace_id for span in application.ours} == {ids.trace_id("c1")}


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
        assert span.context.trace_id == ids.trace_id(str((span.attributes or {})["gen_ai.conversation.id"]))


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
    before = parents.count_adopted()
    with agentsight.conversation("c1"), agentsight.turn():
        for _ in range(100):
            application.tracer.start_span("forgotten")
    gc.collect()
    assert parents.count_adopted() == before


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
