"""The conversation follows work into threads, pools, tasks and processes."""

import asyncio
import concurrent.futures
import contextlib
import functools
import inspect
import json
import multiprocessing
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import trio
from opentelemetry.instrumentation.threading import ThreadingInstrumentor
from starlette.background import BackgroundTask

import agentsight_otel as agentsight
from agentsight_otel import concurrency
from agentsight_otel._tracing import context, ids
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


def patched_by_another(patch: pytest.MonkeyPatch) -> None:
    """As SDKs of error trackers patch threads, with ``__wrapped__``, and nothing of ours carried."""
    for owner, name in ((threading.Thread, "start"), (threading.Thread, "run")):
        original = getattr(owner, name)

        @functools.wraps(original)
        def call(self: Any, *, original: Any = original) -> Any:
            return original(self)

        patch.setattr(owner, name, call)
    submit = concurrent.futures.ThreadPoolExecutor.submit

    @functools.wraps(submit)
    def submitting(self: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
        return submit(self, lambda: function(*args, **kwargs))

    patch.setattr(concurrent.futures.ThreadPoolExecutor, "submit", submitting)


@pytest.mark.parametrize("patched", ["by nobody", "by OpenTelemetry", "by another SDK"])
def test_threads_and_thread_pools(spans: Capture, patched: str, monkeypatch: pytest.MonkeyPatch) -> None:
    instrumented = patched == "by OpenTelemetry"
    if instrumented:
        ThreadingInstrumentor().instrument()
    elif patched == "by another SDK":
        patched_by_another(monkeypatch)
    try:

        def work() -> None:
            with concurrency.ThreadPoolExecutor(4) as pool:
                assert pool.submit(search, query="1").result() == "c"
                assert pool.submit(search, "2").result() == "c"
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                assert list(pool.map(search, ["3"])) == ["c"]
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


def test_one_helper_entered_by_many_through_exit_stacks_ends_each_ones_own(spans: Capture) -> None:
    shared = agentsight.tool("x")
    entered, first_left = threading.Barrier(2), threading.Event()

    def first() -> str:
        with contextlib.ExitStack() as stack:
            call = stack.enter_context(shared)
            entered.wait(30)
        first_left.set()
        return call.span.name if call.finished else "still open"

    def second() -> bool:
        with contextlib.ExitStack() as stack:
            call = stack.enter_context(shared)
            entered.wait(30)
            assert first_left.wait(30)
            assert not call.finished
            with contextlib.ExitStack() as inner:
                nested = inner.enter_context(shared)
            return nested.finished and not call.finished

    async def task(number: int) -> None:
        async with contextlib.AsyncExitStack() as stack:
            call = await stack.enter_async_context(shared)
            await asyncio.sleep(0.001 * (5 - number))
            assert not call.finished
        assert call.finished

    async def tasks() -> None:
        await asyncio.gather(*map(task, range(5)))

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = [pool.submit(first), pool.submit(second)]
        assert [result.result() for result in results] == ["execute_tool x", True]
    asyncio.run(tasks())
    stack = contextlib.ExitStack()
    call = stack.enter_context(shared)
    closing = threading.Thread(target=stack.close)  # as a framework leaves what it entered for a request
    closing.start()
    closing.join()
    assert call.finished
    assert shared._entered == []


@pytest.mark.parametrize("shape", ["function", "coroutine", "generator", "async generator", "callable object"])
def test_what_is_carried_stays_what_it_was_and_runs_where_it_was_carried(spans: Capture, shape: str) -> None:
    def function() -> str:
        return context.current_conversation().id

    async def coroutine() -> str:
        await asyncio.sleep(0)
        return context.current_conversation().id

    def generator() -> Iterator[str]:
        yield context.current_conversation().id

    async def async_generator() -> AsyncIterator[str]:
        await asyncio.sleep(0)
        yield context.current_conversation().id

    class Job:
        queue = "fast"

        async def __call__(self) -> str:
            return context.current_conversation().id

    work: Any = {
        "function": function,
        "coroutine": coroutine,
        "generator": generator,
        "async generator": async_generator,
        "callable object": Job(),
    }[shape]
    with agentsight.conversation("c1"), agentsight.turn():
        carried = agentsight.carry(work)

    async def run() -> str:
        with agentsight.conversation("another"):
            if inspect.isasyncgenfunction(carried):
                return "".join([item async for item in carried()])
            if inspect.isgeneratorfunction(carried):
                return next(iter(carried()))
            value = carried()
            return str(await value if inspect.isawaitable(value) else value)

    kinds = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction, inspect.isfunction)
    assert [kind(carried) for kind in kinds] == [kind(work) for kind in kinds]
    assert asyncio.run(run()) == "c1"
    assert getattr(carried, "queue", None) == getattr(work, "queue", None)
    if shape == "coroutine":
        done: list[str] = []

        async def note() -> None:
            done.append(await coroutine())

        with agentsight.conversation("c2"):
            background = BackgroundTask(agentsight.carry(note))
        asyncio.run(background())
        assert done == ["c2"]


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
        shared = ids.span_ids("seed")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            taken = list(pool.map(lambda _: [next(shared) for _ in range(2_000)], range(8)))
    finally:
        sys.setswitchinterval(before)
    first = ids.span_ids("seed")
    assert sorted(one for each in taken for one in each) == sorted(next(first) for _ in range(16_000))
