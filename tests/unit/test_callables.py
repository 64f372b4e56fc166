"""Decorated callables stay what they were: their types, attributes and bindings, copies of them, depth of recursion."""

import asyncio
import copy
import functools
import inspect
import pickle
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from celery import Celery

import agentsight_otel as agentsight
from agentsight_otel._recording.traced import TracedCallable
from agentsight_otel.testing import Capture, capture

DECORATORS = [agentsight.tool, agentsight.task, agentsight.turn, agentsight.generation]


class Search:
    """A callable object."""

    def __init__(self, shop: str = "db") -> None:
        self.shop = shop

    def __call__(self, query: str) -> str:
        return f"{self.shop}:{query}"


class AsyncSearch:
    async def __call__(self, query: str) -> str:
        return query


class Streaming:
    async def __call__(self, query: str) -> AsyncIterator[str]:
        yield query


def find(shop: str, query: str) -> str:
    return f"{shop}:{query}"


@agentsight.tool
def chunks(query: str) -> Iterator[str]:
    yield query


@pytest.mark.parametrize("decorate", DECORATORS)
def test_class_attributes_bind_as_they_did(spans: Capture, decorate: Callable[..., Any]) -> None:
    cached = functools.lru_cache(lambda self, query: f"db:{query}")

    class Plain:
        made, called, builtin, kept = functools.partial(find, "db"), Search(), len, cached

    class Traced:
        made, called = decorate(functools.partial(find, "db")), decorate(Search())
        builtin, kept = decorate(len), decorate(cached)

    for name in ("made", "called", "builtin", "kept"):
        assert getattr(Traced(), name)("query") == getattr(Plain(), name)("query")
    assert len(spans.finished) == 4


@pytest.mark.parametrize("decorate", DECORATORS)
def test_attributes_and_types_stay(decorate: Callable[..., Any]) -> None:
    @functools.lru_cache
    def cached(x: int) -> int:
        return x

    @functools.singledispatch
    def dispatched(x: object) -> str:
        return "any"

    decorated = decorate(dispatched)
    decorated.register(int, lambda x: "int")
    assert (decorated(1), decorated("")) == ("int", "any")
    assert decorate(cached).cache_info() == cached.cache_info()
    assert decorate(functools.partial(find, "db")).args == ("db",)
    search = decorate(Search())
    search.shop = "shop"
    assert isinstance(search, Search) and search("q") == "shop:q" and search.__wrapped__.shop == "shop"
    task = Celery("x", broker="memory://").task(find, name="find")
    assert decorate(task).s("a", "b") == task.s("a", "b")
    assert decorate(task).delay == task.delay
    assert decorate(" ".join)(["a", "b"]) == "a b"


def test_inspect_sees_through_proxies() -> None:
    for made in (functools.partial(AsyncSearch.__call__, AsyncSearch()), AsyncSearch(), Streaming(), Search()):
        decorated = agentsight.tool(made)
        for kind in (inspect.iscoroutinefunction, inspect.isasyncgenfunction, inspect.isgeneratorfunction, callable):
            assert kind(decorated) == kind(made)
            if not isinstance(made, functools.partial):
                assert kind(decorated.__call__) == kind(made.__call__)
        assert inspect.signature(decorated) == inspect.signature(made)
    assert asyncio.run(agentsight.tool(AsyncSearch())("q")) == "q"


def test_copies_are_traced_too(spans: Capture) -> None:
    assert pickle.loads(pickle.dumps(chunks)) is copy.copy(chunks) is copy.deepcopy(chunks) is chunks
    for decorate in (
        agentsight.task("x"),
        agentsight.turn(agent="x"),
        agentsight.generation("m"),
        agentsight.conversation("c"),
    ):
        assert pickle.loads(pickle.dumps(decorate(Search("shop"))))("q") == "shop:q"
    search = agentsight.tool(Search("shop"))
    for copied in (copy.copy(search), copy.deepcopy(search), pickle.loads(pickle.dumps(search))):
        assert type(copied) is TracedCallable and copied.__wrapped__ is not search.__wrapped__
        assert copied("q") == "shop:q"
    assert len(spans.finished) == 6


CLOUDPICKLED = """
    import asyncio, sys
    import cloudpickle
    import agentsight_otel as agentsight
    from agentsight_otel.testing import capture

    @agentsight.tool
    def plain(x): return x
    @agentsight.tool
    async def coroutine(x): return x
    @agentsight.tool
    def generator(x, y="y"):
        "Says it."
        yield x
    @agentsight.tool
    async def async_generator(x): yield x
    @agentsight.task("named")
    def task(x): return x
    class Agent:
        @agentsight.tool
        def method(self, x): yield x
    class Search:
        def __call__(self, x): return x
    search = agentsight.tool("search")(Search())

    if len(sys.argv) == 1:
        sys.stdout.buffer.write(cloudpickle.dumps(
            [plain, coroutine, generator, async_generator, task, Agent().method, search]))
"""
UNPICKLING = """
    import asyncio, inspect, pickle, sys
    from agentsight_otel.testing import capture

    async def drain(stream): return [item async for item in stream]
    plain, coroutine, generator, async_generator, task, method, search = pickle.load(sys.stdin.buffer)
    with capture() as spans:
        assert plain(1) == task(1) == search(1) == asyncio.run(coroutine(1)) == 1
        assert list(generator(1)) == list(method(1)) == asyncio.run(drain(async_generator(1))) == [1]
        assert sorted(spans.names()) == ["execute_tool async_generator", "execute_tool coroutine",
            "execute_tool generator", "execute_tool method", "execute_tool plain", "execute_tool search", "named"]
    assert inspect.isgeneratorfunction(generator) and inspect.isasyncgenfunction(async_generator)
    assert str(inspect.signature(generator)) == "(x, y='y')" and generator.__doc__ == "Says it."
"""


def test_what_cloudpickle_takes_elsewhere_is_traced_there() -> None:
    dumped = subprocess.run([sys.executable, "-c", textwrap.dedent(CLOUDPICKLED)], stdout=subprocess.PIPE, check=True)
    subprocess.run([sys.executable, "-c", textwrap.dedent(UNPICKLING)], input=dumped.stdout, check=True)


def plain(decorate: Any) -> Callable[[int], Any]:
    @decorate
    def dive(depth: int) -> int:
        return 1 + dive(depth - 1) if depth else 0

    return dive  # type: ignore[no-any-return]


def coroutine(decorate: Any) -> Callable[[int], Any]:
    @decorate
    async def dive(depth: int) -> int:
        await asyncio.sleep(0)
        return 1 + await dive(depth - 1) if depth else 0

    return lambda depth: asyncio.run(dive(depth))


def generator(decorate: Any) -> Callable[[int], Any]:
    @decorate
    def dive(depth: int) -> Iterator[int]:
        if depth:
            yield from dive(depth - 1)
        yield depth

    return lambda depth: list(dive(depth))


def async_generator(decorate: Any) -> Callable[[int], Any]:
    @decorate
    async def dive(depth: int) -> AsyncIterator[int]:
        if depth:
            async for item in dive(depth - 1):
                yield item
        yield depth

    async def drain(depth: int) -> list[int]:
        return [item async for item in dive(depth)]

    return lambda depth: asyncio.run(drain(depth))


def deepest(dive: Callable[[int], Any]) -> int:
    """How deep a recursion gets."""
    possible, impossible = 1, 400
    while impossible - possible > 1:
        middle = (possible + impossible) // 2
        try:
            dive(middle)
            possible = middle
        except RecursionError:
            impossible = middle
    return possible


@pytest.mark.parametrize(("shape", "frames"), [(plain, 1), (coroutine, 1), (generator, 2), (async_generator, 3)])
def test_what_a_decorator_adds_to_each_level_of_a_recursion(
    shape: Callable[[Any], Any], frames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Coroutines that were never begun are told of where nothing has room any more; pytest's hook would fail, too.
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: None)
    limit = sys.getrecursionlimit()
    used = len(inspect.stack())
    try:
        sys.setrecursionlimit(used + 300)
        with capture(fixed=False, raise_errors=False):
            undecorated, decorated = deepest(shape(lambda function: function)), deepest(shape(agentsight.task))
    finally:
        sys.setrecursionlimit(limit)
    # Telemetry needs room of its own at the deepest level, or does without.
    assert undecorated <= decorated * (1 + frames) + 20


def test_a_span_that_finds_no_room_is_no_error() -> None:
    dive = plain(agentsight.tool)

    def from_depth(depth: int) -> Any:
        return dive(1) if depth == 0 else from_depth(depth - 1)

    # As in production: what telemetry finds no room for, such as the start of its thread, is only logged.
    with capture(fixed=False, raise_errors=False):
        room = sys.getrecursionlimit() - len(inspect.stack())
        for left in range(16, 60):  # the two calls and their wrappers need some frames themselves
            assert from_depth(room - left) == 1
