"""What the tracing helpers record."""

import asyncio
import contextvars
import hashlib
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

import agentsight_otel as agentsight
from agentsight_otel import semconv
from agentsight_otel.testing import Capture, capture


def messages(span: ReadableSpan) -> list[tuple[str, str]]:
    return [
        (str(event.attributes[semconv.MESSAGE_SENDER]), str(event.attributes[semconv.MESSAGE_CONTENT]))
        for event in span.events
        if event.attributes and event.name == semconv.EVENT_MESSAGE
    ]


def test_a_conversation_is_one_trace_whose_id_follows_from_its_own(spans: Capture) -> None:
    agentsight.get_or_create_conversation("συνομιλία-1")
    with agentsight.turn():
        agentsight.user_message("hi")
    agentsight.end_conversation()
    expected = hashlib.sha256("συνομιλία-1".encode()).hexdigest()[:32]
    assert {f"{span.context.trace_id:032x}" for span in spans.finished if span.context} == {expected}


def test_the_whole_tree_of_a_turn(spans: Capture) -> None:
    identity = {"gen_ai.conversation.id": "c1", "agentsight.conversation.device": "mobile", "user.id": "u1"}

    @agentsight.tool
    def search(query: str, limit: int = 3) -> dict[str, int]:
        return {"found": limit}

    with agentsight.conversation("c1", customer_id="u1", device=" Mobile "), agentsight.turn(agent="concierge"):
        agentsight.user_message("hi", metadata={"a": 1})
        search("x", limit=2)
        agentsight.agent_message("hello")
    tree = spans.tree()
    turn_id = tree[0]["attributes"]["agentsight.turn.id"]
    assert len(turn_id) == 16
    assert tree == [
        {
            "name": "invoke_agent concierge",
            "start_s": 0.0,
            "end_s": 5.0,
            "status": "UNSET",
            "attributes": {
                **identity,
                "agentsight.span.kind": "turn",
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.agent.name": "concierge",
                "agentsight.turn.id": turn_id,
                "agentsight.turn.complete": True,
            },
            "events": [
                {
                    "name": "agentsight.message",
                    "at_s": 1.0,
                    "agentsight.message.sender": "end_user",
                    "agentsight.message.content": "hi",
                    "agentsight.message.metadata": '{"a":1}',
                },
                {
                    "name": "agentsight.message",
                    "at_s": 4.0,
                    "agentsight.message.sender": "agent",
                    "agentsight.message.content": "hello",
                },
            ],
            "children": [
                {
                    "name": "execute_tool search",
                    "start_s": 2.0,
                    "end_s": 3.0,
                    "status": "UNSET",
                    "attributes": {
                        **identity,
                        "agentsight.span.kind": "tool",
                        "agentsight.turn.id": turn_id,
                        "gen_ai.operation.name": "execute_tool",
                        "gen_ai.tool.name": "search",
                        "gen_ai.tool.call.arguments": '{"query":"x","limit":2}',
                        "gen_ai.tool.call.result": '{"found":2}',
                    },
                    "events": [],
                    "children": [],
                }
            ],
        }
    ]


def test_the_two_entry_points_a_visit_and_a_start(spans: Capture) -> None:
    agentsight.initialize_conversation("c1", "u1", None, "desktop", "Web", "en-US", {"page": "/"})
    found = agentsight.get_or_create_conversation("c1", country="gr")
    opened, started = spans.finished
    assert (opened.name, started.name) == ("conversation_opened", "conversation_started")
    assert opened.start_time == opened.end_time
    assert dict(opened.attributes or {}) == {
        "agentsight.span.kind": "conversation",
        "gen_ai.conversation.id": "c1",
        "user.id": "u1",
        "agentsight.conversation.device": "desktop",
        "agentsight.conversation.source": "web",
        "agentsight.conversation.language": "en-US",
        "agentsight.conversation.metadata": '{"page":"/"}',
    }
    assert (started.attributes or {})["geo.country.iso_code"] == "GR"
    assert (started.attributes or {})["user.id"] == "u1"  # known from before
    assert found.id == "c1"
    agentsight.user_message("joins the current conversation")
    assert (spans.finished[-1].attributes or {})["gen_ai.conversation.id"] == "c1"


def test_the_current_conversation_ends_with_the_block_and_never_leaks_between_tasks(spans: Capture) -> None:
    async def one(conversation_id: str) -> None:
        agentsight.get_or_create_conversation(conversation_id)
        for _ in range(3):
            await asyncio.sleep(0)
            with agentsight.turn():
                await asyncio.sleep(0)
                agentsight.user_message(conversation_id)

    async def main() -> None:
        await asyncio.gather(*(one(f"c{number}") for number in range(20)))

    asyncio.run(main())
    turns = [span for span in spans.finished if span.name == "invoke_agent"]
    assert len(turns) == 60
    for span in turns:
        assert messages(span) == [("end_user", (span.attributes or {})["gen_ai.conversation.id"])]
    with agentsight.conversation("inner"):
        pass
    assert agentsight.get_or_create_conversation("after").id == "after"


def test_context_can_be_carried_into_threads(spans: Capture) -> None:
    with agentsight.conversation("c1"), agentsight.turn():
        carried = contextvars.copy_context()
        thread = threading.Thread(target=lambda: carried.run(agentsight.user_message, "from a thread"))
        thread.start()
        thread.join()
    assert messages(spans.named("invoke_agent")) == [("end_user", "from a thread")]


@pytest.mark.parametrize(
    ("error", "reason", "status"),
    [
        (ValueError("no"), "error", "ERROR"),
        (asyncio.CancelledError(), "abandoned", "UNSET"),
        (KeyboardInterrupt(), "abandoned", "UNSET"),
    ],
)
def test_an_incomplete_turn_says_why_and_the_exception_passes(
    spans: Capture, error: BaseException, reason: str, status: str
) -> None:
    with pytest.raises(type(error)), agentsight.turn():
        raise error
    span = spans.named("invoke_agent")
    assert (span.attributes or {})["agentsight.turn.complete"] is False
    assert (span.attributes or {})["agentsight.turn.incomplete_reason"] == reason
    assert span.status.status_code.name == status


def test_a_failed_tool_is_an_error_and_the_exception_passes(spans: Capture) -> None:
    @agentsight.tool("lookup")
    def broken() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        broken()
    span = spans.named("execute_tool lookup")
    assert span.status.status_code.name == "ERROR"
    assert (span.attributes or {})["error.type"] == "KeyError"


def test_all_four_call_shapes_keep_their_shape(spans: Capture) -> None:
    @agentsight.task
    def plain() -> int:
        return 1

    @agentsight.task
    async def coroutine() -> int:
        return 2

    @agentsight.task
    def generator() -> Iterator[int]:
        got = yield 3
        assert got == "sent"
        try:
            yield 4
        except LookupError:
            yield 5

    @agentsight.task
    async def async_generator() -> AsyncIterator[int]:
        yield 6
        yield 7

    assert plain() == 1
    assert asyncio.run(coroutine()) == 2
    steps = generator()
    assert next(steps) == 3
    assert steps.send("sent") == 4  # type: ignore[attr-defined]
    assert steps.throw(LookupError()) == 5  # type: ignore[attr-defined]
    assert list(steps) == []

    async def collect() -> list[int]:
        return [item async for item in async_generator()]

    assert asyncio.run(collect()) == [6, 7]
    assert spans.names() == ["plain", "coroutine", "generator", "async_generator"]


def test_a_generator_holds_no_context_between_its_steps(spans: Capture) -> None:
    @agentsight.turn
    def answer() -> Iterator[str]:
        agentsight.user_message("first")
        yield "a"
        agentsight.agent_message("last")
        yield "b"

    with agentsight.conversation("c1"):
        steps = answer()
        next(steps)
        assert not trace.get_current_span().get_span_context().is_valid
        with agentsight.turn("other"):
            agentsight.user_message("outside")
        list(steps)
    assert messages(spans.named("invoke_agent answer")) == [("end_user", "first"), ("agent", "last")]
    assert messages(spans.named("invoke_agent other")) == [("end_user", "outside")]


def test_a_generator_that_is_closed_early_is_an_abandoned_turn(spans: Capture) -> None:
    closed = []

    @agentsight.turn
    def answer() -> Iterator[str]:
        try:
            yield "a"
        finally:
            closed.append(True)

    steps = answer()
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert closed == [True]
    assert (spans.named("invoke_agent answer").attributes or {})["agentsight.turn.incomplete_reason"] == "abandoned"


def test_a_turn_loses_no_message_however_many(spans: Capture) -> None:
    with agentsight.conversation("c1"), agentsight.turn() as turn:
        for number in range(1_000):
            turn.user_message(str(number))
    turn.agent_message("after its end")
    first, late = spans.finished
    assert len(messages(first)) == 1_000
    assert messages(late) == [("agent", "after its end")]


def test_a_message_outside_a_turn_gets_one_of_its_own(spans: Capture) -> None:
    with agentsight.conversation("c1"):
        agentsight.user_message("a")
        agentsight.agent_message("b")
    assert [messages(span) for span in spans.finished] == [[("end_user", "a")], [("agent", "b")]]


def test_a_turn_is_a_root_with_a_link_to_the_active_span_whatever_its_sampler_decided(spans: Capture) -> None:
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

    other = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("http")
    with other.start_as_current_span("GET /chat") as http, agentsight.conversation("c1"), agentsight.turn():
        pass
    turn = spans.named("invoke_agent")
    assert turn.parent is None
    assert [link.context for link in turn.links] == [http.get_span_context()]


def test_third_party_spans_inside_a_conversation_carry_its_identity(spans: Capture) -> None:
    tracer = spans.tracer("llm client")
    with agentsight.conversation("c1", source="web"), agentsight.turn(), tracer.start_as_current_span("chat gpt"):
        pass
    chat, turn = spans.finished
    assert (chat.attributes or {})["gen_ai.conversation.id"] == "c1"
    assert (chat.attributes or {})["agentsight.conversation.source"] == "web"
    assert chat.parent == turn.context


def test_button_feedback_and_end(spans: Capture) -> None:
    with agentsight.conversation("c1"):
        agentsight.button("pay", label="Pay", value="1")
        agentsight.feedback("Positive", comment="fine", metadata={"n": 1})
        agentsight.end_conversation()
    button, feedback, ended = spans.finished
    assert button.name == "button pay"
    assert (button.attributes or {})["agentsight.button.label"] == "Pay"
    assert (feedback.attributes or {})["agentsight.feedback.sentiment"] == "positive"
    assert (feedback.attributes or {})["agentsight.feedback.source"] == "customer"
    assert (feedback.attributes or {})["agentsight.metadata"] == '{"n":1}'
    assert (ended.attributes or {})["agentsight.conversation.ended"] is True
    assert all(span.start_time == span.end_time for span in spans.finished)


def test_one_trace_per_turn_where_wanted() -> None:
    with capture(trace_per="turn") as spans, agentsight.conversation("c1"):
        for _ in range(2):
            with agentsight.turn(), agentsight.tool("t"):
                pass
        traces = [span.context.trace_id for span in spans.finished if span.context]
        assert traces[0] == traces[1] != traces[2] == traces[3]


def test_sampling_takes_whole_conversations() -> None:
    for trace_per in ("conversation", "turn"):
        with capture(sample_ratio=0.5, trace_per=trace_per) as spans:
            for number in range(200):
                with agentsight.conversation(f"c{number}"):
                    for _ in range(2):
                        with agentsight.turn(), agentsight.tool("t"):
                            pass
            found: dict[str, int] = {}
            for span in spans.finished:
                conversation = str((span.attributes or {})["gen_ai.conversation.id"])
                found[conversation] = found.get(conversation, 0) + 1
            assert set(found.values()) == {4}
            assert 60 < len(found) < 140


def test_hostile_values_neither_raise_nor_stop_the_agent() -> None:
    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError("no")

        __repr__ = __str__

    loop: list[object] = []
    loop.append(loop)
    with capture(raise_errors=False) as spans:
        for value in (Hostile(), None, "", 7, b"\xff", "\ud800", loop, float("nan"), {1: {2: object()}}):
            agentsight.get_or_create_conversation(value, value, value, value, value, value, value)  # type: ignore[arg-type]
            with agentsight.turn(value), agentsight.tool(value, arguments=value) as call:  # type: ignore[call-overload]
                call.result(value)
                agentsight.user_message(value, metadata=value)  # type: ignore[arg-type]
            agentsight.button(value, label=value)  # type: ignore[arg-type]
            agentsight.feedback(value)  # type: ignore[arg-type]
            agentsight.end_conversation()
        assert spans.finished


def test_long_values_are_cut_and_stay_valid_json() -> None:
    import json

    with capture(max_value_bytes=1_000) as spans, agentsight.conversation("c1"):
        with agentsight.tool("t", arguments={"texts": ["é" * 5_000] * 50}):
            pass
        agentsight.user_message("x" * 5_000)
        tool, turn = spans.finished
    arguments = str((tool.attributes or {})["gen_ai.tool.call.arguments"])
    assert len(arguments.encode()) <= 1_000
    assert isinstance(json.loads(arguments)["texts"], list)
    assert len(messages(turn)[0][1].encode()) == 1_000
    assert messages(turn)[0][1].endswith("…")


def test_without_init_everything_works_and_records_nothing() -> None:
    assert not agentsight.is_enabled()

    @agentsight.tool
    def search() -> int:
        return 1

    with agentsight.conversation("c1"), agentsight.turn():
        agentsight.user_message("hi")
        assert search() == 1
    assert agentsight.flush()
    assert agentsight.shutdown()


def test_shutdown_ends_open_turns_as_incomplete() -> None:
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    agentsight.init(span_exporter=exporter, set_global=False)
    helper = agentsight.turn()
    helper.__enter__()
    assert agentsight.shutdown()
    (span,) = exporter.get_finished_spans()
    assert (span.attributes or {})["agentsight.turn.incomplete_reason"] == "shutdown"
