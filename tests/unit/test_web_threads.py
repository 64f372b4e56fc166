"""Threads, pools and generators of web servers: what runs in them has the conversation of its request, and no other."""

import multiprocessing
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from opentelemetry.sdk.trace import TracerProvider

import agentsight_otel as agentsight
from agentsight_otel import conversation_tracker as tracker
from agentsight_otel._tracing import context
from agentsight_otel.testing import Capture
from tests.unit.web_chat import begin, serve, told


def by_executor(pool: Any) -> Any:
    return lambda function, *arguments: pool.submit(function, *arguments).result(30)


def by_apply(pool: Any) -> Any:
    return lambda function, *arguments: pool.apply(function, arguments)


def by_apply_async(pool: Any) -> Any:
    return lambda function, *arguments: pool.apply_async(func=function, args=arguments).get(30)


def by_map(pool: Any) -> Any:
    return lambda function, *arguments: pool.starmap(function, [arguments])[0]


def by_imap(pool: Any) -> Any:
    return lambda function, *arguments: next(pool.imap_unordered(lambda _: function(*arguments), [None]))


@pytest.mark.parametrize(
    ("make", "running"),
    [(ThreadPoolExecutor, by_executor), *((ThreadPool, by) for by in (by_apply, by_apply_async, by_map, by_imap))],
    ids=["submit", "apply", "apply_async", "starmap", "imap_unordered"],
)
def test_a_pools_job_belongs_to_who_submitted_it_and_leaves_nothing_to_the_next(
    real_spans: Capture, make: Any, running: Any
) -> None:
    def current() -> str:
        return context.current_conversation().id

    with make(1) as pool:
        run = running(pool)
        run(begin, "c1")
        assert run(current) == ""
        run(tracker.track_human_message, "whose?")
        with agentsight.conversation("c2"), agentsight.turn():
            assert run(current) == "c2"
            run(agentsight.user_message, "hi")
        tracker.get_or_create_conversation("c3")
        run(begin, "c4")
        assert run(current) == "c3"
        assert current() == "c3"
    tracker.send_tracked_data()
    agentsight.shutdown()
    assert told(real_spans) == {None: ["whose?"], "c2": ["hi"]}


def test_a_pool_of_processes_is_left_alone(real_spans: Capture) -> None:
    with agentsight.conversation("c1"), multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(abs, (-1,)) == 1
        assert pool.map(abs, [-2]) == [2]


def test_a_thread_that_was_there_before_the_latest_conversation_is_not_guessed(real_spans: Capture) -> None:
    jobs: list[str] = []
    wake = threading.Semaphore(0)

    def work() -> None:
        for _ in range(2):
            assert wake.acquire(timeout=30)
            tracker.track_agent_message(jobs.pop())

    with agentsight.conversation("c1"):
        worker = threading.Thread(target=work)  # started by one conversation, and serves the next as well
        worker.start()
        jobs.append("first")
        wake.release()
        deadline = time.monotonic() + 30
        while jobs:
            assert time.monotonic() < deadline
            time.sleep(0.001)
    with agentsight.conversation("c2"):
        jobs.append("second")
        wake.release()
        worker.join(30)
    agentsight.shutdown()
    assert told(real_spans) == {"c1": ["first"], None: ["second"]}


@pytest.mark.parametrize("path", ["decorated", "wrapped"])
def test_the_steps_of_a_generator_that_a_server_drives_in_its_threads_are_in_the_turn(
    real_spans: Capture, path: str
) -> None:
    app = FastAPI(telemetry={"tracer_provider": TracerProvider()})

    def words(cid: str) -> Iterator[str]:
        yield context.current_conversation().id
        tracker.track_action("t")
        agentsight.agent_message(f"a {cid}")
        yield context.current_conversation().id

    @agentsight.turn(id_from="cid")
    def stream(cid: str) -> Iterator[str]:
        agentsight.user_message(f"q {cid}")
        yield from words(cid)

    @app.post("/decorated")
    def decorated(cid: str) -> StreamingResponse:
        return StreamingResponse(stream(cid))

    @app.post("/wrapped")
    def wrapped(cid: str) -> StreamingResponse:
        with agentsight.turn(conversation_id=cid):
            agentsight.user_message(f"q {cid}")
            return agentsight.wrap(StreamingResponse(words(cid)))

    serve(app, [f"{path}-{number}" for number in range(4)], together=4)
    (first, *_) = turns = [span for span in real_spans.finished if span.events]
    assert len(turns) == 4
    assert [(event.attributes or {})["agentsight.message.content"] for event in first.events] == [
        f"{kind} {(first.attributes or {})['gen_ai.conversation.id']}" for kind in "qa"
    ]
