"""Async generators that are left alone: by their reader, by their loop, by the whole process; as undecorated ones."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import trio

import agentsight_otel as agentsight
from agentsight_otel.testing import Capture

closed: list[str] = []


@agentsight.turn
async def outer() -> AsyncIterator[int]:
    try:
        async for number in inner():
            yield number
    finally:
        await asyncio.sleep(0)
        closed.append("outer")


@agentsight.tool
async def inner() -> AsyncIterator[int]:
    try:
        for number in range(3):
            yield number
    finally:
        await asyncio.sleep(0)
        closed.append("inner")


def outcomes(spans: Capture) -> list[tuple[str, str, object]]:
    return sorted(
        (span.name, span.status.status_code.name, (span.attributes or {}).get("agentsight.turn.incomplete_reason"))
        for span in spans.finished
    )


def test_a_loop_that_ends_closes_what_is_left_without_a_word(spans: Capture, caplog: pytest.LogCaptureFixture) -> None:
    kept: list[Any] = []

    async def main() -> None:
        for _ in range(20):
            stream = outer()
            kept.append(stream)
            assert await anext(stream) == 0

    closed.clear()
    with agentsight.conversation("c"):
        asyncio.run(main())
    assert sorted(closed) == ["inner"] * 20 + ["outer"] * 20
    assert [record.getMessage() for record in caplog.records] == []
    assert (
        outcomes(spans)
        == [("execute_tool inner", "ERROR", None)] * 20 + [("invoke_agent outer", "UNSET", "abandoned")] * 20
    )


def test_a_loop_that_is_closed_without_that_leaves_them_in_peace(
    spans: Capture, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    unraisable: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)

    async def main() -> AsyncIterator[int]:
        stream = outer()
        await anext(stream)
        return stream

    with agentsight.conversation("c"):
        loop = asyncio.new_event_loop()
        stream = loop.run_until_complete(main())
        loop.close()
        del stream
        gc.collect()
    assert [record.getMessage() for record in caplog.records] == unraisable == []
    assert ("invoke_agent outer", "UNSET", "abandoned") in outcomes(spans)


def test_hooks_of_the_loop_are_as_before(spans: Capture) -> None:
    async def main() -> None:
        before = sys.get_asyncgen_hooks()
        async for _ in inner():
            assert sys.get_asyncgen_hooks() == before

    asyncio.run(main())


@pytest.mark.parametrize("run", [asyncio.run, trio.run], ids=["asyncio", "trio"])
def test_one_that_is_dropped_is_closed_by_its_loop(spans: Capture, run: Callable[..., Any]) -> None:
    ended: list[str] = []

    @agentsight.turn
    async def stream() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            ended.append("closed")

    async def main() -> None:
        async for _ in stream():
            break
        gc.collect()
        for _ in range(3):
            await (asyncio.sleep(0) if run is asyncio.run else trio.sleep(0))

    run(main() if run is asyncio.run else main)
    assert ended == ["closed"]
    assert outcomes(spans) == [("invoke_agent stream", "UNSET", "abandoned")]
