"""Streams keep their protocol and their shape to ``inspect``, and leave no trace where their steps are taken."""

import asyncio
import copy
import functools
import inspect
import pickle
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import agentsight_otel as agentsight
from agentsight_otel._tracing import context
from agentsight_otel.testing import Capture
from tests.unit.recorded import messages


@agentsight.task
def echo(first: str = "first") -> Iterator[Any]:
    """Says what it is sent."""
    heard = first
    while heard != "stop":
        try:
            heard = yield heard
        except LookupError as error:
            heard = yield f"caught {type(error).__name__}"
    return "the end"


@agentsight.task
async def async_echo(first: str = "first") -> AsyncIterator[Any]:
    heard: Any = first
    while heard != "stop":
        try:
            heard = yield heard
        except LookupError as error:
            heard = yield f"caught {type(error).__name__}"


@agentsight.task
async def coroutine(x: int) -> int:
    return x


@agentsight.task
def plain(x: int, /, y: int = 1, *rest: int, z: int = 2) -> int:
    """Adds."""
    return x + y + z


def test_inspect_sees_what_was_decorated() -> None:
    kinds = (inspect.isgeneratorfunction, inspect.isasyncgenfunction, inspect.iscoroutinefunction)
    found = {f.__name__: [kind(f) for kind in kinds] for f in (echo, async_echo, coroutine, plain)}  # type: ignore[attr-defined]
    assert found == {
        "echo": [True, False, False],
        "async_echo": [False, True, False],
        "coroutine": [False, False, True],
        "plain": [False, False, False],
    }
    assert all(inspect.isfunction(function) for function in (echo, async_echo, coroutine, plain))
    assert str(inspect.signature(plain)) == "(x: int, /, y: int = 1, *rest: int, z: int = 2) -> int"
    assert str(inspect.signature(echo)) == "(first: str = 'first') -> collections.abc.Iterator[typing.Any]"
    assert (echo.__doc__, echo.__module__, echo.__qualname__) == ("Says what it is sent.", __name__, "echo")
    for function in (echo, async_echo, coroutine, plain):
        assert pickle.loads(pickle.dumps(function)) is function
        assert copy.deepcopy(function) is function
    assert "yield heard" in inspect.getsource(echo)

    class Agent:
        @agentsight.tool
        def stream(self) -> Iterator[int]:
            yield 1

        @agentsight.tool
        @classmethod
        def inner_class(cls, x: int) -> int:
            return x

        @classmethod
        @agentsight.tool
        def outer_class(cls, x: int) -> int:
            return x

        @agentsight.tool
        @staticmethod
        def inner_static(x: int) -> int:
            return x

        @staticmethod
        @agentsight.tool
        def outer_static(x: int) -> int:
            return x

    agent = Agent()
    assert inspect.isgeneratorfunction(agent.stream) and inspect.ismethod(agent.stream)
    assert inspect.isgenerator(agent.stream()) and list(agent.stream()) == [1]
    for call in (agent.inner_class, agent.outer_class, agent.inner_static, agent.outer_static):
        assert call(3) == 3
    for function in (functools.partial(echo), agentsight.tool(functools.partial(echo, "x"))):
        assert inspect.isgeneratorfunction(function)


def test_the_generator_protocol_is_kept(spans: Capture) -> None:
    steps: Any = echo()
    assert inspect.isgenerator(steps)
    assert [next(steps), steps.send("a"), steps.send(None), steps.throw(KeyError("x")), steps.send("b")] == [
        "first", "a", None, "caught KeyError", "b",
    ]  # fmt: skip
    with pytest.raises(StopIteration) as stopped:
        steps.send("stop")
    assert stopped.value.value == "the end"
    error = ValueError("not caught")
    steps = echo()
    next(steps)
    with pytest.raises(ValueError) as raised:
        steps.throw(error)
    assert raised.value is error and error.__context__ is None

    async def main() -> None:
        steps: Any = async_echo()
        assert inspect.isasyncgen(steps)
        heard = [await anext(steps), await steps.asend("a"), await steps.athrow(KeyError("x")), await steps.asend("b")]
        assert heard == ["first", "a", "caught KeyError", "b"]
        with pytest.raises(StopAsyncIteration):
            await steps.asend("stop")

    asyncio.run(main())
    with pytest.raises(TypeError, match="unexpected keyword"):
        echo(nonsense=1)  # type: ignore[call-arg]
    assert [span.status.status_code.name for span in spans.finished] == ["UNSET", "ERROR", "UNSET", "ERROR"]


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        (property(lambda self: 1), "cannot decorate a property; decorate the function beneath it"),
        (functools.cached_property(lambda self: 1), "cannot decorate a cached_property"),
        (functools.partialmethod(lambda self: 1), "cannot decorate a partialmethod"),
        (type("Agent", (), {}), "cannot decorate the class Agent; decorate its methods"),
    ],
)
@pytest.mark.parametrize("helper", ["turn", "tool", "task", "generation", "conversation", "model_hint"])
def test_what_cannot_be_decorated_is_refused_at_once(helper: str, thing: object, said: str) -> None:
    decorators: list[Any] = [getattr(agentsight, helper)("x")]
    if helper in ("turn", "tool", "task", "generation"):
        decorators.append(getattr(agentsight, helper))
    if helper == "tool" and isinstance(thing, type):  # each time that one is made is a call of a tool
        decorators.clear()
    for decorate in decorators:
        with pytest.raises(TypeError, match=said):
            decorate(thing)
    with pytest.raises(TypeError, match="cannot decorate 'text'; expected a function or another callable"):
        getattr(agentsight, helper)("x")("text")


def test_steps_taken_by_other_threads_and_tasks_leave_no_trace_there(spans: Capture) -> None:
    @agentsight.turn
    async def answer() -> AsyncIterator[str]:
        agentsight.user_message("q")
        yield "a"
        agentsight.agent_message("a")
        yield "b"

    async def main() -> None:
        with agentsight.conversation("c"):
            stream: Any = answer()
        for _ in range(2):
            assert await asyncio.create_task(anext(stream)) in ("a", "b")
            assert context.turn_in(None) is None
        await asyncio.create_task(stream.aclose())

    asyncio.run(main())
    with agentsight.conversation("c"):
        steps = echo()
    for _ in range(3):
        thread = threading.Thread(target=next, args=(steps,))
        thread.start()
        thread.join()
    closing = threading.Thread(target=steps.close)  # type: ignore[attr-defined]
    closing.start()
    closing.join()
    assert messages(spans) == [["q", "a"], []]
