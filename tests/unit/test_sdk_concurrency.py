"""The conversation follows work into threads, pools, tasks and processes."""

import asyncio
import concurrent.futures
import json
import multiprocessing
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
import trio
from opentelemetry.instrumentation.threading import ThreadingInstrumentor

import agentsight_otel as agentsight
from agentsight_otel import concurrency, context, identity
from agentsight_otel.testing import Capture


@agentsight.tool
def search(query: str = "x") -> str:
    agentsight.agent_message(query)
    return context.current_conversation().id


def turn_of(spans: Capture, work: Callable[[], Any]) -> dict[str, Any]:
    with agentsight.conversation("c"), agentsight.turn():
        work()
    (turn,) = spans.tree()
    return turn


@pytest.mark.parametrize("instrumented", [False, True])
def test_threads_and_thread_pools(spans: Capture, instrumented: bool) -> None:
    if instrumented:
        ThreadingInstrumentor().instrument()
    try:

        def work() -> None:
            with concurrency.ThreadPoolExecutor(4) as pool:
                assert pool.submit(search, query="1").result() == "c"
                assert list(pool.map(search, ["2", "3"])) == ["c", "c"]
            thread = concurrency.Thread(target=search, args=("4",))
            thread.start()
            thread.join()
            plain = threading.Thread(target=agentsight.carry(search), args=("5",))
            plain.start()
            plain.join()
            if instrumented:
                bare = threading.Thread(target=search, args=("6",))
                bare.start()
                bare.join()

        turn = turn_of(spans, work)
    finally:
        if instrumented:
            ThreadingInstrumentor().uninstrument()
    expected = ["1", "2", "3", "4", "5", "6"] if instrumented else ["1", "2", "3", "4", "5"]
    assert sorted(event["agentsight.message.content"] for event in turn["events"]) == expected
    assert len(turn["children"]) == len(expected)
    with concurrency.ThreadPoolExecutor(1) as pool:  # a worker keeps nothing of earlier work
        with agentsight.conversation("other"):
            pool.submit(search).result()
        assert pool.submit(lambda: context.current_conversation().id).result() == ""


def test_one_carried_function_serves_many_threads_at_once(spans: Capture) -> None:
    def work() -> None:
        carried = agentsight.carry(search)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            assert set(pool.map(carried, map(str, range(50)))) == {"c"}

    assert len(turn_of(spans, work)["children"]) == 50


@pytest.mark.parametrize("library", ["asyncio", "anyio on asyncio", "anyio on trio", "trio"])
def test_tasks_and_task_groups(spans: Capture, library: str) -> None:
    @agentsight.tool
    async def look_up(number: int) -> str:
        await (trio.sleep(0) if library == "trio" else anyio.sleep(0))
        assert context.current_conversation().id == "c"
        return str(number)

    @agentsight.turn
    async def stream() -> AsyncIterator[int]:
        yield 1
        await look_up(9)
        yield 2

    async def consume() -> None:
        assert [item async for item in stream()] == [1, 2]

    async def in_asyncio() -> None:
        await asyncio.gather(*(look_up(number) for number in range(5)), consume())

    async def in_anyio() -> None:
        async with anyio.create_task_group() as group:
            for number in range(5):
                group.start_soon(look_up, number)
            group.start_soon(consume)
            await anyio.to_thread.run_sync(search)

    async def in_trio() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(look_up, number)
            nursery.start_soon(consume)

    with agentsight.conversation("c"), agentsight.turn("outer"):
        if library == "asyncio":
            asyncio.run(in_asyncio())
        elif library == "trio":
            trio.run(in_trio)
        else:
            anyio.run(in_anyio, backend=library.split()[-1])
    turns = {node["name"]: [child["name"] for child in node["children"]] for node in spans.tree()}
    assert turns["invoke_agent stream"] == ["execute_tool look_up"]
    assert turns["invoke_agent outer"].count("execute_tool look_up") == 5


def test_a_task_group_that_is_cancelled_is_an_abandoned_turn(spans: Capture) -> None:
    async def main() -> None:
        with anyio.move_on_after(0.01):
            with agentsight.conversation("c"), agentsight.turn():
                async with anyio.create_task_group() as group:
                    group.start_soon(anyio.sleep, 60)
        with pytest.raises(Exception):  # noqa: B017 (a group, which Python 3.10 has not)
            with agentsight.conversation("c"), agentsight.turn():
                async with anyio.create_task_group() as group:
                    group.start_soon(anyio.sleep, 60)
                    raise ValueError("no")

    anyio.run(main)
    reasons = [(span.attributes or {})["agentsight.turn.incomplete_reason"] for span in spans.finished]
    assert reasons == ["abandoned", "error"]


PROCESSES = """
import json, multiprocessing, os, sys
import agentsight_otel as agentsight
from agentsight_otel.concurrency import ProcessPoolExecutor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

class File(SpanExporter):
    def export(self, spans):
        with open(f"{sys.argv[1]}/{os.getpid()}", "a") as file:
            for span in spans:
                parent = span.parent and f"{span.parent.span_id:x}"
                file.write(json.dumps([span.name, f"{span.context.span_id:x}", parent, f"{span.context.trace_id:x}",
                    dict(span.attributes), [event.attributes["agentsight.message.content"] for event in span.events]]))
                file.write("\\n")
        return SpanExportResult.SUCCESS

def begin():
    agentsight.init(span_exporter=File(), set_global=False)

@agentsight.tool
def search(x):
    agentsight.agent_message(f"said {x}")
    agentsight.update_metadata({"seen": x})
    assert agentsight.flush()
    return x + 1

if __name__ == "__main__":
    begin()
    context = multiprocessing.get_context(sys.argv[2])
    conversation = agentsight.conversation("c", customer_id="u", metadata={"plan": "free"})
    with conversation, agentsight.turn(), agentsight.task("t"):
        with ProcessPoolExecutor(1, mp_context=context, initializer=begin) as pool:
            assert pool.submit(search, 1).result() == 2
            assert list(pool.map(search, [3])) == [4]
            assert pool.submit(agentsight.flush).result()
        process = context.Process(target=agentsight.carry(search), args=(5,))
        process.start()
        process.join()
        assert process.exitcode == 0
    agentsight.shutdown()
"""


@pytest.mark.parametrize("method", sorted(set(multiprocessing.get_all_start_methods()) & {"spawn", "forkserver"}))
def test_other_processes(tmp_path: Path, method: str) -> None:
    script, folder = tmp_path / "script.py", tmp_path / "spans"
    folder.mkdir()
    script.write_text(PROCESSES)
    # The process of its own has nobody to call init(): what it would record goes nowhere.
    subprocess.run([sys.executable, str(script), str(folder), method], check=True, timeout=120)
    rows = [json.loads(line) for file in folder.iterdir() for line in file.read_text().splitlines()]
    assert len({row[3] for row in rows}) == 1  # one trace
    (task,) = [row for row in rows if row[0] == "t"]
    tools = [row for row in rows if row[0] == "execute_tool search"]
    assert [row[2] for row in tools] == [task[1]] * 2
    assert all(row[4]["user.id"] == "u" for row in rows)
    assert sorted(said for row in rows for said in row[5]) == ["said 1", "said 3"]
    metadata = [row[4]["agentsight.conversation.metadata"] for row in rows if row[0] == "metadata_updated"]
    assert [json.loads(text)["plan"] for text in metadata] == ["free", "free"]


def test_threads_share_derived_ids() -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        ids = identity.span_ids("seed")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            taken = list(pool.map(lambda _: [next(ids) for _ in range(2_000)], range(8)))
    finally:
        sys.setswitchinterval(before)
    first = identity.span_ids("seed")
    assert sorted(one for each in taken for one in each) == sorted(next(first) for _ in range(16_000))
