"""An application written for the AgentSight 0.1 SDK: every top-level name, in every call style that it takes.

    python written_for_0_1.py agentsight        # as it was
    python written_for_0_1.py agentsight_otel   # with the import changed

prints what it recorded, as JSON: messages and calls by conversation.
"""

import asyncio
import contextlib
import importlib
import json
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

agentsight: Any = importlib.import_module(sys.argv[1])
exporter = InMemorySpanExporter()


class Body:
    """As Starlette's StreamingResponse."""

    def __init__(self, body_iterator: AsyncIterator[str]) -> None:
        self.body_iterator = body_iterator


def lifecycle() -> None:
    assert agentsight.is_enabled() is False
    assert (
        agentsight.init(
            "ags_0123456789abcdef0123456789abcdef_012345",
            endpoint="https://api.example.com",
            environment="production",
            auto_instrument=False,
            export_interval_ms=10,
            max_queue_size=1_000,
            turn_timeout_ms=60_000,
            span_exporter=exporter,
            verify_key=False,
        )
        is True
    )
    assert agentsight.init(api_key="ags_0123456789abcdef0123456789abcdef_012345", span_exporter=exporter) is True
    assert agentsight.is_enabled() is True


def conversations_as_blocks_and_decorators() -> None:
    fields = {
        "customer_id": "u1",
        "customer_ip_address": "203.0.113.7",
        "device": "mobile",
        "source": "web",
        "language": "en",
        "name": "First",
        "environment": "development",
        "metadata": {"plan": "free"},
    }
    agentsight.open_conversation("blocks", **fields)
    with agentsight.conversation("blocks", **fields) as scope, agentsight.turn():
        assert scope.conversation_id == "blocks"
        assert scope.enabled is True
        agentsight.user_message("one", {"n": 1})
        agentsight.agent_message("two", metadata={"n": 2})
    with agentsight.conversation(conversation_id="silent", enabled=False), agentsight.turn():
        agentsight.user_message("not recorded")

    @agentsight.conversation("decorated", customer_id="u2")
    def handle(text: str) -> str:
        agentsight.user_message(text=text)
        return text.upper()

    @agentsight.conversation("decorated")
    async def handle_async(text: str) -> str:
        async with agentsight.turn() as turn:
            turn.user_message(text, {"n": 3})
            turn.agent_message(content=text.upper(), metadata={"n": 4})
        return text

    assert handle("three") == "THREE"
    assert asyncio.run(handle_async("four")) == "four"
    with agentsight.conversation() as new:
        assert new.conversation_id


def turns() -> None:
    with agentsight.conversation("turns"):
        with agentsight.turn("ask"), contextlib.suppress(ValueError):
            agentsight.user_message("named")
        with agentsight.turn(name="ask") as turn:
            agentsight.user_message("by keyword")
            assert turn.turn_id
        with contextlib.suppress(ValueError), agentsight.turn():
            agentsight.user_message("fails")
            raise ValueError("no")

    @agentsight.turn
    def bare(text: str) -> str:
        agentsight.user_message(text)
        return text

    @agentsight.turn()
    def called(text: str) -> str:
        agentsight.user_message(text)
        return text

    @agentsight.turn(id_from="session_id", infer=True, device="mobile")
    def inferring(session_id: str, text: str) -> str:
        return text.upper()

    @agentsight.turn(id_from=lambda arguments: json.loads(arguments["payload"])["id"])
    async def from_payload(payload: str) -> int:
        agentsight.user_message("nested id")
        return 1

    with agentsight.conversation("turns"):
        assert bare("bare") == "bare"
        assert called(text="called") == "called"
    assert inferring("inferred", "hello") == "HELLO"
    assert asyncio.run(from_payload('{"id": "payload"}')) == 1


def lifetimes() -> None:
    def chunks() -> Iterator[str]:
        yield "a"
        agentsight.agent_message("drained")
        yield "b"

    async def async_chunks() -> AsyncIterator[str]:
        yield "c"
        agentsight.agent_message("drained too")
        yield "d"

    with agentsight.conversation("lifetimes"), agentsight.turn():
        agentsight.user_message("stream")
        stream = agentsight.wrap(chunks())
    assert list(stream) == ["a", "b"]

    @agentsight.turn
    async def respond() -> Body:
        agentsight.user_message("response")
        return Body(async_chunks())

    async def main() -> None:
        with agentsight.conversation("lifetimes"):
            response = await respond()
        assert [chunk async for chunk in response.body_iterator] == ["c", "d"]
        with agentsight.conversation("lifetimes"), agentsight.turn() as turn:
            waiting = turn.wrap(asyncio.sleep(0, "slept"))
        assert await waiting == "slept"

    asyncio.run(main())
    future: Future[int] = Future()
    with agentsight.conversation("lifetimes"), agentsight.turn():
        agentsight.user_message("future")
        assert agentsight.wrap(future) is future
    future.set_result(1)
    with agentsight.conversation("lifetimes"), agentsight.turn() as kept:
        kept.keep_open()
    kept.user_message("after the block")
    kept.end()
    with agentsight.conversation("lifetimes"), agentsight.turn() as kept:
        assert kept.keep_open() is kept
    kept.end(complete=False, reason="error")
    with agentsight.conversation("lifetimes"):
        with agentsight.turn():
            agentsight.user_message("ended")
            agentsight.end_turn()
        with agentsight.turn():
            agentsight.user_message("ended incomplete")
            agentsight.end_turn(complete=False)
        with agentsight.turn():
            agentsight.user_message("abandoned")
            agentsight.abandon_turn()
        with agentsight.turn() as turn:
            turn.abandon()
    assert agentsight.wrap("outside a turn") == "outside a turn"
    agentsight.end_turn()
    agentsight.abandon_turn()


def tools_and_tasks() -> None:
    @agentsight.tool
    def plain(x: int, y: int = 2) -> int:
        return x + y

    @agentsight.tool(name="fallback_to_human")
    async def escalate() -> str:
        return "on the way"

    @agentsight.tool()
    def failing() -> None:
        raise KeyError("gone")

    @agentsight.task
    def rank() -> int:
        return 1

    @agentsight.task(name="rerank")
    def again() -> int:
        return 2

    class Desk:
        @agentsight.tool
        def method(self, x: int) -> int:
            return x

    with agentsight.conversation("work"), agentsight.turn():
        assert plain(1) == 3
        assert asyncio.run(escalate()) == "on the way"
        with contextlib.suppress(KeyError):
            failing()
        assert (rank(), again(), Desk().method(5)) == (1, 2, 5)


def the_rest() -> None:
    with agentsight.conversation("rest", metadata={"plan": "free", "waiting": True}), agentsight.turn():
        agentsight.button("pay", "Pay now", "1")
        agentsight.button(button_event="pay", label="Pay", value="2", metadata={"n": 1})
        agentsight.record_attachments([{"filename": "a.pdf", "mime_type": "application/pdf", "size": 3}])
        agentsight.record_attachments(["b.png"], sender="agent", metadata={"n": 1})
        agentsight.update_metadata({"plan": "paid"})
        agentsight.update_metadata(remove=["waiting"])
        with agentsight.model_hint("llama3.1:8b"):
            pass

        @agentsight.model_hint("llama3.1:8b")
        def hinted() -> int:
            return 1

        assert hinted() == 1
    with agentsight.conversation("threads"), agentsight.turn() as turn, ThreadPoolExecutor(1) as pool:
        pool.submit(turn.user_message, "from a thread").result()


def recorded() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for span in exporter.get_finished_spans():
        own = dict(span.attributes or {})
        conversation = own.get("gen_ai.conversation.id") or own.get("agentsight.conversation.id")
        entry = found.setdefault(str(conversation), {"messages": [], "kinds": [], "incomplete": []})
        entry["kinds"].append(own["agentsight.span.kind"])
        if reason := own.get("agentsight.turn.incomplete_reason"):
            entry["incomplete"].append(reason)
        for event in span.events:
            if event.name == "agentsight.message" and event.attributes:
                entry["messages"].append(
                    [event.attributes["agentsight.message.sender"], event.attributes["agentsight.message.content"]]
                )
        if metadata := own.get("agentsight.conversation.metadata"):
            entry["metadata"] = json.loads(str(metadata))
    return {name: {key: sorted(value) for key, value in entry.items()} for name, entry in found.items()}


lifecycle()
conversations_as_blocks_and_decorators()
turns()
lifetimes()
tools_and_tasks()
the_rest()
assert agentsight.flush() is True
assert agentsight.flush(5_000) is True
assert agentsight.flush(timeout_ms=5_000) is True
agentsight.shutdown()
assert agentsight.is_enabled() is False
print(json.dumps(recorded(), sort_keys=True))
