"""Every shape of work that can be decorated, each run to any of the ways in which it can end."""

import asyncio
import contextlib
import functools
import gc
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from typing import Any

import django
import flask
from django.conf import settings as django_settings
from django.http import StreamingHttpResponse
from starlette.responses import StreamingResponse

import agentsight_otel as agentsight
from agentsight_otel._tracing import context

if not django_settings.configured:
    django_settings.configure(DEFAULT_CHARSET="utf-8")
    django.setup()


class Failure(Exception):
    pass


@agentsight.tool
def look_up(x: int) -> int:
    return x


class Work:
    """What is decorated: it begins, may wait, and ends as the outcome says."""

    def __init__(self, helper: str, outcome: str) -> None:
        self.outcome = outcome
        self.messages = helper == "turn"
        given = {"timeout_s": 0.5} if helper == "turn" and outcome == "timed out" else {}
        self.decorate: Callable[[Any], Any] = getattr(agentsight, helper)("work", **given)
        self.helper = getattr(agentsight, helper)("work", **given)

    def begin(self) -> None:
        self.turn: Any = context.turn_in(None)
        if self.messages:
            agentsight.user_message("question")
        look_up(1)

    def end(self) -> None:
        if self.outcome == "raises":
            raise Failure
        if self.messages:
            agentsight.agent_message("answer")

    def until_deadline(self) -> None:
        until = time.monotonic() + 30
        while not self.turn.finished and time.monotonic() < until:
            time.sleep(0.002)

    async def wait(self) -> None:
        await asyncio.sleep(60 if self.outcome in ("cancelled", "dropped", "timed out") else 0)

    def run(self) -> str:
        self.begin()
        if self.outcome == "timed out":
            self.until_deadline()
            return "late"
        self.end()
        return "done"

    async def run_async(self) -> str:
        self.begin()
        await self.wait()
        self.end()
        return "done"

    def chunks(self) -> Iterator[str]:
        self.begin()
        yield "a"
        self.end()
        yield "b"

    async def async_chunks(self) -> AsyncIterator[str]:
        self.begin()
        yield "a"
        await self.wait() if self.outcome == "cancelled" else await asyncio.sleep(0)
        self.end()
        yield "b"


def consume(stream: Any, work: Work) -> None:
    """Takes steps outside the conversation, as a server does."""
    outcome = work.outcome
    assert not context.current_conversation().id
    if outcome in ("ok", "raises"):
        with contextlib.suppress(Failure):
            assert "".join(as_text(item) for item in stream) == "ab"
        return
    if outcome == "unread":
        return
    assert as_text(next(iter(stream))) == "a"
    assert context.turn_in(None) is None
    if outcome == "closed":
        stream.close()
    elif outcome == "timed out":
        work.until_deadline()


async def consume_async(stream: Any, work: Work) -> None:
    outcome = work.outcome
    assert not context.current_conversation().id
    if outcome in ("ok", "raises"):
        with contextlib.suppress(Failure):
            assert "".join([as_text(item) async for item in stream]) == "ab"
        return
    if outcome == "unread":
        return
    steps = stream.__aiter__()
    assert as_text(await steps.__anext__()) == "a"
    assert context.turn_in(None) is None
    if outcome == "closed":
        await steps.aclose()
    elif outcome == "timed out":
        work.until_deadline()
    elif outcome == "cancelled":
        await cancelled(steps.__anext__())
    elif outcome == "dropped":
        del steps, stream
        await asyncio.sleep(0)
        gc.collect()
        await asyncio.sleep(0)


async def cancelled(awaitable: Any) -> None:
    async def step() -> None:
        await awaitable

    task = asyncio.create_task(step())
    await asyncio.sleep(0.001)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def as_text(item: Any) -> str:
    return item.decode() if isinstance(item, bytes) else str(item)


def call(function: Callable[[], Any]) -> Any:
    """Calls it inside the conversation, and lets its own failure pass."""
    with agentsight.conversation("c"), contextlib.suppress(Failure):
        return function()
    return None


def block(work: Work) -> None:
    def run() -> None:
        with work.helper:
            work.run()

    call(run)


def async_block(work: Work) -> None:
    async def run() -> None:
        async with work.helper:
            await work.run_async()

    run_async(run, work)


def function(work: Work) -> None:
    call(work.decorate(work.run))


def partial(work: Work) -> None:
    call(work.decorate(functools.partial(Work.run, work)))


def methods(work: Work, kind: Any = None) -> None:
    class Agent:
        run = work.decorate(kind(lambda *_: work.run()) if kind else lambda self: work.run())

    call(Agent().run)


def class_method(work: Work) -> None:
    methods(work, classmethod)


def static_method(work: Work) -> None:
    methods(work, staticmethod)


def callable_object(work: Work) -> None:
    class Runs:
        def __call__(self) -> str:
            return work.run()

    call(work.decorate(Runs()))


def run_async(function: Callable[[], Any], work: Work) -> None:
    outcome = work.outcome

    async def main() -> None:
        with agentsight.conversation("c"):
            coroutine = function()
        with contextlib.suppress(Failure):
            with agentsight.conversation("c"):
                if outcome == "cancelled":
                    await cancelled(coroutine)
                elif outcome == "dropped":
                    coroutine.send(None)
                elif outcome == "timed out":
                    task = asyncio.ensure_future(coroutine)
                    await asyncio.sleep(0.01)
                    work.until_deadline()
                    task.cancel()
                else:
                    await coroutine
        del coroutine

    asyncio.run(main())


def coroutine(work: Work) -> None:
    run_async(work.decorate(work.run_async), work)


def returned_coroutine(work: Work) -> None:
    run_async(work.decorate(lambda: work.run_async()), work)


def generator(work: Work) -> None:
    consume(call(work.decorate(work.chunks)), work)


def returned_generator(work: Work) -> None:
    consume(call(work.decorate(lambda: work.chunks())), work)


def async_generator(work: Work) -> None:
    stream = call(work.decorate(work.async_chunks))
    asyncio.run(consume_async(stream, work))


def future(work: Work) -> None:
    promised: Future[str] = Future()
    call(work.decorate(lambda: (work.begin(), promised)[1]))
    if work.outcome == "ok":
        promised.set_result("done")
    elif work.outcome == "raises":
        promised.set_exception(Failure())
    elif work.outcome == "cancelled":
        promised.cancel()
    elif work.outcome == "timed out":
        work.until_deadline()


def task(work: Work) -> None:
    async def main() -> None:
        started = call(work.decorate(lambda: asyncio.ensure_future(work.run_async())))
        if work.outcome in ("cancelled", "timed out"):
            await asyncio.sleep(0.01)
            if work.outcome == "timed out":
                work.until_deadline()
            started.cancel()
        with contextlib.suppress(Failure, asyncio.CancelledError):
            await started

    asyncio.run(main())


def starlette_response(work: Work) -> None:
    response = call(work.decorate(lambda: StreamingResponse(work.async_chunks())))
    asyncio.run(consume_async(response.body_iterator, work))


def flask_response(work: Work) -> None:
    response = call(work.decorate(lambda: flask.Response(work.chunks())))
    if work.outcome == "closed":
        assert next(iter(response.response)) == "a"
        response.close()
    else:
        consume(response.response, work)


def django_response(work: Work) -> None:
    response = call(work.decorate(lambda: StreamingHttpResponse(work.chunks())))
    if work.outcome == "closed":
        assert next(iter(response)) == b"a"
        response._resource_closers[-1]()
    else:
        consume(iter(response), work)


def django_async_response(work: Work) -> None:
    response = call(work.decorate(lambda: StreamingHttpResponse(work.async_chunks())))
    asyncio.run(consume_async(response.streaming_content, work))
