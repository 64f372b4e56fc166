"""Requests whose answer is a stream of a class of its own, such as a model client's: they stay what they are."""

import asyncio
import copy
import gc
from collections.abc import AsyncGenerator, Coroutine, Generator
from typing import Any

import pytest

import agentsight_otel as agentsight
from agentsight_otel._tracing import context
from agentsight_otel.testing import Capture


class Opening(Coroutine[Any, Any, str]):
    """A request that can be awaited or entered, as client libraries return."""

    def __init__(self) -> None:
        self.url = "/"
        self._opening = self._open()

    async def _open(self) -> str:
        agentsight.user_message("asked")
        await asyncio.sleep(0)
        return "response"

    def send(self, value: Any) -> Any:
        return self._opening.send(value)

    def throw(self, *error: Any) -> Any:
        return self._opening.throw(*error)

    def close(self) -> None:
        self._opening.close()

    def __await__(self) -> Any:
        return self._opening.__await__()

    async def __aenter__(self) -> str:
        return await self._opening

    async def __aexit__(self, *error: object) -> None: ...


class Chunks(Generator[str, None, None]):
    """A stream of a client library's, with more than a generator has."""

    def __init__(self) -> None:
        self.usage = 7
        self._left = iter("ab")

    def send(self, value: None) -> str:
        return next(self._left)

    def throw(self, kind: Any, value: Any = None, traceback: Any = None) -> Any:
        raise kind


class AsyncChunks(AsyncGenerator[str, None]):
    def __init__(self) -> None:
        self.usage = 7
        self._left = ["b", "a"]

    async def asend(self, value: None) -> str:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop()

    async def athrow(self, kind: Any, value: Any = None, traceback: Any = None) -> Any:
        raise kind

    async def __aenter__(self) -> "AsyncChunks":
        return self

    async def __aexit__(self, *error: object) -> None: ...


async def awaited(request: Any) -> Any:
    return await request


async def as_task(request: Any) -> Any:
    return await asyncio.create_task(request)


async def entered(request: Any) -> Any:
    async with request as response:
        return response


@pytest.mark.parametrize("use", [awaited, as_task, entered])
@pytest.mark.parametrize("helper", ["tool", "task", "turn", "generation", "wrap"])
def test_a_request_stays_what_can_be_awaited_or_entered(spans: Capture, use: Any, helper: str) -> None:
    def request() -> Any:
        if helper == "wrap":
            with agentsight.turn():
                return agentsight.wrap(Opening())
        return getattr(agentsight, helper)(lambda: Opening())()

    async def main() -> None:
        with agentsight.conversation("c"), agentsight.turn("around"):
            made = request()
            assert isinstance(made, Opening) and made.url == "/"
            assert not hasattr(type(made), "__anext__")
            assert await use(made) == "response"
        assert context.turn_in(None) is None

    asyncio.run(main())
    (span,) = [span for span in spans.finished if span.name != "invoke_agent around"]
    assert span.status.status_code.name == "UNSET"
    if helper == "tool":
        assert (span.attributes or {})["gen_ai.tool.call.result"] == "response"
    if helper in ("turn", "wrap"):
        assert [event.name for event in span.events] == ["agentsight.message"]


def test_a_request_that_nobody_awaits_ends_when_it_is_dropped(spans: Capture) -> None:
    agentsight.tool(lambda: Opening())().close()
    made = agentsight.tool(lambda: Opening())()
    made.__wrapped__.close()
    del made
    gc.collect()
    assert [(span.attributes or {})["error.type"] for span in spans.finished] == ["GeneratorExit"] * 2


def test_streams_of_other_classes_keep_their_attributes(spans: Capture) -> None:
    stream: Any = agentsight.tool(lambda: Chunks())()
    assert isinstance(stream, Chunks) and isinstance(stream, Generator) and stream.usage == 7
    assert list(stream) == ["a", "b"]
    assert copy.deepcopy(agentsight.tool(lambda: [Chunks()][0])()).usage == 7

    async def main() -> None:
        stream: Any = agentsight.tool(lambda: AsyncChunks())()
        assert isinstance(stream, AsyncChunks) and stream.usage == 7
        async with stream as same:
            assert [chunk async for chunk in same] == ["a", "b"]

    asyncio.run(main())
    results = [(span.attributes or {}).get("gen_ai.tool.call.result") for span in spans.finished]
    assert [result for result in results if result] == ['["a","b"]', '["a","b"]']
