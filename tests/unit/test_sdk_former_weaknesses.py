"""What the AgentSight 0.1.4 SDK was measured to lose, each held here."""

import asyncio
import contextvars
import gc
import json
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import agentsight_otel as agentsight
from agentsight_otel.concurrency import Thread
from agentsight_otel.testing import Capture, capture

APPLICATION = Path(__file__).parents[1] / "applications" / "written_for_0_1.py"


def conversation_of(span: ReadableSpan) -> Any:
    return (span.attributes or {}).get("gen_ai.conversation.id")


def result_of(span: ReadableSpan) -> Any:
    return (span.attributes or {}).get("gen_ai.tool.call.result")


def test_an_unsampled_parent_of_the_host_drops_nothing(spans: Capture) -> None:
    host = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("http")
    with host.start_as_current_span("GET /chat"), agentsight.conversation("c"), agentsight.turn():
        agentsight.user_message("hi")
        with agentsight.tool("t"):
            pass
    assert spans.names() == ["execute_tool t", "invoke_agent"]


def test_a_tool_that_is_a_generator_is_measured_to_its_end(spans: Capture) -> None:
    @agentsight.tool
    def rows() -> Iterator[int]:
        yield 1
        with agentsight.task("inside"):
            yield 2

    @agentsight.tool
    async def async_rows() -> AsyncIterator[int]:
        yield 3
        with agentsight.task("inside too"):
            yield 4

    async def collect() -> list[int]:
        return [row async for row in async_rows()]

    with agentsight.conversation("c"), agentsight.turn():
        assert list(rows()) == [1, 2]
        assert asyncio.run(collect()) == [3, 4]
    (turn,) = spans.tree()
    names = [(tool["name"], [child["name"] for child in tool["children"]]) for tool in turn["children"]]
    assert names == [("execute_tool rows", ["inside"]), ("execute_tool async_rows", ["inside too"])]
    for tool in turn["children"]:
        assert tool["end_s"] > tool["children"][0]["end_s"]


def test_a_conversation_that_decorates_an_async_generator_holds_for_its_steps(spans: Capture) -> None:
    @agentsight.conversation("c")
    async def answer() -> AsyncIterator[str]:
        agentsight.user_message("hi")
        yield "a"
        agentsight.agent_message("bye")

    async def main() -> None:
        async for _ in answer():
            agentsight.user_message("not part of it")

    asyncio.run(main())
    assert [conversation_of(span) for span in spans.finished] == ["c", None, "c"]


def test_a_tool_in_a_thread_belongs_to_the_turn(spans: Capture) -> None:
    @agentsight.tool
    def search() -> int:
        return 1

    with agentsight.conversation("c"), agentsight.turn():
        threads = [Thread(target=search), threading.Thread(target=agentsight.carry(search))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    (turn,) = spans.tree()
    assert [child["name"] for child in turn["children"]] == ["execute_tool search"] * 2


@pytest.mark.parametrize("concurrency", ["tasks", "threads"])
def test_one_turn_object_used_concurrently_measures_each(concurrency: str) -> None:
    shared = agentsight.turn("ask")
    with capture(fixed=False) as spans:

        async def one(number: int) -> None:
            with agentsight.conversation(f"c{number}"):
                async with shared:
                    agentsight.user_message(f"{number}")
                    await asyncio.sleep(0.001 * (10 - number))
                    agentsight.agent_message(f"{number}")

        async def main() -> None:
            await asyncio.gather(*(one(number) for number in range(10)))

        if concurrency == "tasks":
            asyncio.run(main())
        else:
            threads = [threading.Thread(target=asyncio.run, args=(one(number),)) for number in range(10)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert len(spans.finished) == 10
        for span in spans.finished:
            own = str(conversation_of(span))[1:]
            assert [(event.attributes or {})["agentsight.message.content"] for event in span.events] == [own] * 2
            assert (span.end_time or 0) - (span.start_time or 0) >= 900_000 * (10 - int(own))


def test_a_turn_of_10_000_messages_loses_none() -> None:
    with capture(fixed=False) as spans:
        with agentsight.conversation("c"), agentsight.turn() as turn:
            for number in range(10_000):
                turn.user_message(str(number))
        (span,) = spans.finished
        said = [(event.attributes or {})["agentsight.message.content"] for event in span.events]
        assert said == [str(number) for number in range(10_000)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_during_a_streamed_turn_leaves_its_end_to_the_parent(tmp_path: Path) -> None:
    code = """
import json, os, sys
import agentsight_otel as agentsight
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

class File(SpanExporter):
    def export(self, spans):
        with open(f"{sys.argv[1]}/{os.getpid()}", "a") as file:
            for span in spans:
                said = [event.attributes["agentsight.message.content"] for event in span.events]
                file.write(json.dumps([span.name, said]) + "\\n")
        return SpanExportResult.SUCCESS

agentsight.init(span_exporter=File(), set_global=False)

@agentsight.turn
def answer():
    agentsight.user_message("before")
    yield 1
    agentsight.agent_message("after")
    yield 2

with agentsight.conversation("c"):
    stream = answer()
next(stream)
if not (child := os.fork()):
    list(stream)  # the child drains its copy, too
    agentsight.shutdown()
    os._exit(0)
os.waitpid(child, 0)
list(stream)
agentsight.shutdown()
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)
    spans = [json.loads(line) for file in tmp_path.iterdir() for line in file.read_text().splitlines()]
    assert sorted(spans) == [
        ["invoke_agent", ["after"]],  # said in the child, which ends no turn of its parent
        ["invoke_agent answer", ["before", "after"]],
    ]


def test_a_thousand_finished_streams_leave_nothing_behind(spans: Capture) -> None:
    class Chunk:
        pass

    @agentsight.turn
    def answer() -> Iterator[Chunk]:
        agentsight.user_message("hi")
        yield Chunk()
        yield Chunk()

    @agentsight.turn
    async def async_answer() -> AsyncIterator[Chunk]:
        yield Chunk()
        yield Chunk()

    left: list[weakref.ref[Any]] = []

    async def consume(number: int) -> None:
        stream, async_stream = answer(), async_answer()
        if number % 2:
            left.extend(weakref.ref(chunk) for chunk in stream)
            left.extend([weakref.ref(chunk) async for chunk in async_stream])
        else:
            left.append(weakref.ref(next(stream)))
            left.append(weakref.ref(await anext(async_stream)))
        left.extend((weakref.ref(stream), weakref.ref(async_stream)))

    async def main() -> None:
        for number in range(500):
            with agentsight.conversation(f"c{number}"):
                await consume(number)
        await asyncio.sleep(0)

    gc.collect()
    gc.disable()  # by reference counts alone, but for what asyncio keeps until its loop comes round
    try:
        asyncio.run(main())
        assert [reference() for reference in left if reference() is not None] == []
    finally:
        gc.enable()
    from agentsight_otel._recording import deadlines, turns

    assert len(spans.finished) == 1_000
    assert not deadlines.open_turns
    gc.collect()
    assert not [kept for kept in gc.get_objects() if type(kept) is turns.TurnSpan]  # others may be lazy


@pytest.mark.parametrize("package", ["agentsight", "agentsight_otel"])
def test_an_application_written_for_0_1_runs_with_only_the_import_changed(package: str) -> None:
    def run(package: str) -> Any:
        done = subprocess.run(
            [sys.executable, str(APPLICATION), package], capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    recorded = run(package)
    assert recorded["inferred"]["messages"] == [["agent", "HELLO"], ["end_user", "hello"]]
    assert recorded["lifetimes"]["incomplete"] == ["abandoned", "abandoned", "abandoned", "error"]
    if package == "agentsight_otel":
        assert recorded == run("agentsight")


def test_a_copied_context_still_carries(spans: Capture) -> None:
    with agentsight.conversation("c"), agentsight.turn():
        contextvars.copy_context().run(agentsight.user_message, "hi")
    assert len(spans.finished[0].events) == 1
