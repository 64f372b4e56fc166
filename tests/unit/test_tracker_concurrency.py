"""One tracker for everything a process does at once: no conversation ever gets what belongs to another."""

import asyncio
import contextvars
import gc
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan

import agentsight_otel as agentsight
from agentsight_otel import conversation_tracker, testing
from agentsight_otel._tracing import only_one
from agentsight_otel.compat.tracking.tracked import TRACKED

pytestmark = pytest.mark.usefixtures("nothing_left_over")

CONVERSATIONS = 200
EXCHANGES = 5


def in_a_new_thread(call: Any, *arguments: Any) -> Any:
    """Without any context, as threads are before Python 3.14."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(contextvars.Context().run(call, *arguments)))
    thread.start()
    thread.join(30)
    return found[0]


def said(span: ReadableSpan) -> list[str]:
    return [str((event.attributes or {})["agentsight.message.content"]) for event in span.events]


def assert_nothing_is_mixed(spans: list[ReadableSpan], conversations: int, exchanges: int) -> None:
    turns = [span for span in spans if span.name == "invoke_agent"]
    assert len(turns) == conversations * exchanges
    by_id = {span.context.span_id: span for span in turns if span.context}
    told = sorted((str((span.attributes or {})["gen_ai.conversation.id"]), *said(span)) for span in turns)
    assert told == sorted(
        (f"c{number}", f"question {number}.{exchange}", f"answer {number}.{exchange}")
        for number in range(conversations)
        for exchange in range(exchanges)
    )
    calls = [span for span in spans if span.name.startswith("execute_tool")]
    assert len(calls) == conversations * exchanges
    for call in calls:
        assert call.parent is not None
        (question, _) = said(by_id[call.parent.span_id])
        assert call.name == f"execute_tool {question}"


def test_200_asyncio_conversations_on_one_tracker() -> None:
    chance = random.Random(4)
    totals = []

    async def pause() -> None:
        await asyncio.sleep(chance.random() / 1_000)

    async def converse(number: int) -> None:
        conversation_tracker.get_or_create_conversation(f"c{number}", customer_id=f"u{number}")
        for exchange in range(EXCHANGES):
            conversation_tracker.track_human_message(f"question {number}.{exchange}")
            await pause()
            # A tool runs in a thread, as blocking ones do; its context goes along.
            await asyncio.to_thread(conversation_tracker.track_action, f"question {number}.{exchange}", duration_ms=1)
            conversation_tracker.track_token_usage(number, 1, number + 1)
            await asyncio.create_task(pause())
            conversation_tracker.track_agent_message(f"answer {number}.{exchange}")
            totals.append((number, conversation_tracker.get_token_usage()["prompt_tokens"]))
            sent = conversation_tracker.send_tracked_data()
            assert sent["summary"] == {
                "questions": 1,
                "answers": 1,
                "attachments": 0,
                "actions": 2,  # with the token usage
                "buttons": 0,
                "errors": 0,
            }
            await pause()

    async def main() -> None:
        await asyncio.gather(*(converse(number) for number in range(CONVERSATIONS)))

    with testing.capture(fixed=False) as spans:
        asyncio.run(main())
        finished = spans.finished
    assert_nothing_is_mixed(finished, CONVERSATIONS, EXCHANGES)
    assert all(number == total for number, total in totals)
    customers = {
        (str((span.attributes or {})["gen_ai.conversation.id"])[1:], str((span.attributes or {})["user.id"])[1:])
        for span in finished
    }
    assert customers == {(str(number), str(number)) for number in range(CONVERSATIONS)}
    assert TRACKED.backlog._count == TRACKED.backlog._bytes == 0


def test_threads_of_a_server_that_take_one_request_after_another() -> None:
    def handle(number: int) -> None:
        for exchange in range(2):
            conversation_tracker.get_or_create_conversation(f"c{number}")
            conversation_tracker.track_human_message(f"question {number}.{exchange}")
            conversation_tracker.track_action(f"question {number}.{exchange}")
            conversation_tracker.track_agent_message(f"answer {number}.{exchange}")
            conversation_tracker.send_tracked_data()

    with testing.capture(fixed=False) as spans:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(handle, range(100)))
        assert_nothing_is_mixed(spans.finished, 100, 2)


def test_what_a_background_task_without_the_context_sends_is_everybodys() -> None:
    def endpoint(number: int) -> None:
        conversation_tracker.get_or_create_conversation(f"c{number}")
        conversation_tracker.track_human_message(f"question {number}.0")
        conversation_tracker.track_action(f"question {number}.0")
        conversation_tracker.track_agent_message(f"answer {number}.0")

    async def main() -> None:
        for number in range(10):
            # As frameworks run an endpoint that is no coroutine: what it sets in its context stays there.
            await asyncio.to_thread(endpoint, number)
        sent = conversation_tracker.send_tracked_data()
        assert sent["summary"]["questions"] == 10

    with testing.capture(fixed=False) as spans:
        asyncio.run(main())
        assert_nothing_is_mixed(spans.finished, 10, 1)


def test_a_bare_thread_belongs_to_the_only_conversation() -> None:
    with testing.capture() as spans:
        for conversation_id in ("c1", "c2"):  # one after the other, as a voice agent has them
            conversation_tracker.get_or_create_conversation(conversation_id)
            in_a_new_thread(conversation_tracker.track_human_message, "hi")
            in_a_new_thread(conversation_tracker.send_tracked_data)
        turns = [span for span in spans.finished if span.name == "invoke_agent"]
    assert [(span.attributes or {})["gen_ai.conversation.id"] for span in turns] == ["c1", "c2"]


def test_a_bare_thread_among_several_conversations_is_not_guessed() -> None:
    started, done = threading.Event(), threading.Event()

    def other() -> None:
        conversation_tracker.get_or_create_conversation("other")
        started.set()
        done.wait(30)

    with testing.capture() as spans:
        conversation_tracker.get_or_create_conversation("c1")
        thread = threading.Thread(target=other)
        thread.start()
        assert started.wait(30)
        in_a_new_thread(conversation_tracker.track_human_message, "whose?")
        done.set()
        thread.join(30)
        conversation_tracker.track_human_message("mine")
        agentsight.shutdown()
        turns = [span for span in spans.finished if span.name == "invoke_agent"]
    told = {tuple(said(span)): (span.attributes or {}).get("gen_ai.conversation.id") for span in turns}
    assert told == {("mine",): "c1", ("whose?",): None}


def test_a_task_that_moves_on_does_not_hide_what_its_parent_has() -> None:
    async def child() -> None:
        conversation_tracker.get_or_create_conversation("child")

    async def main() -> None:
        conversation_tracker.get_or_create_conversation("parent")
        await asyncio.create_task(child())
        assert in_a_new_thread(conversation_tracker.get_tracked_data_summary)["conversation_id"] is None
        assert conversation_tracker.get_tracked_data_summary()["conversation_id"] == "parent"

    with testing.capture():
        asyncio.run(main())


def test_what_many_conversations_leave_behind_is_nothing() -> None:
    async def one(number: int) -> None:
        conversation_tracker.get_or_create_conversation(f"c{number}")

    async def main() -> None:
        await asyncio.gather(*(one(number) for number in range(500)))

    with testing.capture():
        asyncio.run(main())
        gc.collect()
        assert list(only_one.loose) == []


def test_threads_that_track_the_same_conversation_lose_nothing() -> None:
    with testing.capture(fixed=False) as spans:
        conversation_tracker.get_or_create_conversation("c1")
        contexts = [contextvars.copy_context() for _ in range(8)]

        def track(context: contextvars.Context) -> None:
            for number in range(50):
                context.run(conversation_tracker.track_action, f"tool{number}")
                if number % 10 == 0:
                    context.run(conversation_tracker.send_tracked_data)

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(track, contexts))
        conversation_tracker.send_tracked_data()
        assert sum(span.name.startswith("execute_tool") for span in spans.finished) == 400
