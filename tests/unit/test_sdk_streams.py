"""Streams: their protocol, their shape to ``inspect``, the frameworks that drain them, turns that outlive a block."""

import asyncio
import copy
import functools
import gc
import inspect
import pickle
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import flask
import pytest
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

import agentsight_otel as agentsight
from agentsight_otel import context
from agentsight_otel.testing import Capture, capture


def messages(spans: Capture) -> list[list[str]]:
    return [[event["agentsight.message.content"] for event in node["events"]] for node in spans.tree()]


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


def test_a_turn_as_a_block_inside_a_generator_that_is_closed_elsewhere(spans: Capture) -> None:
    async def answer() -> AsyncIterator[str]:
        with agentsight.conversation("c"), agentsight.turn():
            agentsight.user_message("q")
            yield "a"
            yield "b"

    async def main() -> None:
        stream: Any = answer()
        await anext(stream)
        await asyncio.create_task(stream.aclose())

    asyncio.run(main())
    (turn,) = spans.tree()
    assert turn["attributes"]["agentsight.turn.incomplete_reason"] == "abandoned"


def test_a_loop_that_is_gone_still_ends_its_streams(spans: Capture) -> None:
    @agentsight.turn
    async def answer() -> AsyncIterator[str]:
        yield "a"
        yield "b"

    loop = asyncio.new_event_loop()
    stream: Any = answer()
    loop.run_until_complete(anext(stream))
    loop.close()
    del stream
    gc.collect()
    assert spans.names() == ["invoke_agent answer"]


@pytest.mark.parametrize("leave", ["drained", "closed"])
def test_starlette_drains_it(spans: Capture, leave: str) -> None:
    @agentsight.turn(id_from=lambda arguments: arguments["request"].query_params["id"])
    async def chat(request: Any) -> StreamingResponse:
        async def body() -> AsyncIterator[str]:
            agentsight.user_message("q")
            yield "a"
            if leave == "closed":
                raise ConnectionResetError
            agentsight.agent_message("ab")
            yield "b"

        return StreamingResponse(body(), background=None)

    client = TestClient(Starlette(routes=[Route("/", chat)]))
    if leave == "drained":
        assert client.get("/?id=c1").text == "ab"
    else:
        with pytest.raises(ConnectionResetError):
            client.get("/?id=c1")
    (turn,) = spans.tree()
    assert turn["attributes"]["gen_ai.conversation.id"] == "c1"
    assert turn["attributes"]["agentsight.turn.complete"] is (leave == "drained")
    assert messages(spans) == [["q", "ab"] if leave == "drained" else ["q"]]


def test_flask_drains_it(spans: Capture) -> None:
    app = flask.Flask("test")

    @app.get("/")
    def chat() -> flask.Response:
        with agentsight.conversation("c1"), agentsight.turn():
            agentsight.user_message("q")

            def body() -> Iterator[str]:
                yield "a"
                agentsight.agent_message(f"{flask.request.path}")
                yield "b"

            response: flask.Response = agentsight.wrap(flask.Response(flask.stream_with_context(body())))
            return response

    assert app.test_client().get("/").text == "ab"
    assert messages(spans) == [["q", "/"]]


def test_wrapped_iterators_of_other_classes_stay_what_they_are(spans: Capture) -> None:
    class Stream:
        response = "200"

        def __init__(self) -> None:
            self.left = [1, 2]
            self.closed = False

        def __iter__(self) -> "Stream":
            return self

        def __next__(self) -> int:
            if not self.left:
                raise StopIteration
            return self.left.pop(0)

        def __enter__(self) -> "Stream":
            return self

        def __exit__(self, *error: object) -> None:
            self.close()

        def close(self) -> None:
            self.closed = True

    def wrapped(stream: Any) -> Any:
        with agentsight.conversation("c"), agentsight.turn():
            return agentsight.wrap(stream)

    assert list(wrapped(Stream())) == [1, 2]
    stream = Stream()
    with wrapped(stream) as entered:
        assert entered.response == "200"
        assert next(entered) == 1
    assert stream.closed
    for complete in ("text", [1], {"a": 1}, 7, None):
        assert wrapped(complete) is complete
    reasons = [node["attributes"].get("agentsight.turn.incomplete_reason") for node in spans.tree()]
    assert reasons == [None, "abandoned", *[None] * 5]


def test_several_streams_of_one_turn_end_it_with_the_last(spans: Capture) -> None:
    with agentsight.conversation("c"), agentsight.turn() as turn:
        first, second = turn.wrap(iter("ab")), turn.wrap(iter("cd"))
        assert list(turn.wrap(iter("x"))) == ["x"]  # drained within the block
    assert list(second) == ["c", "d"]
    assert spans.names() == []
    turn.agent_message("in between")
    assert list(first) == ["a", "b"]
    assert messages(spans) == [["in between"]]


def test_a_turn_that_is_kept_open_ends_when_nothing_happens_any_more() -> None:
    with capture(fixed=False, turn_timeout_s=0.2) as spans:
        with agentsight.conversation("c"), agentsight.turn() as turn:
            turn.keep_open()
        for _ in range(4):
            time.sleep(0.1)
            turn.user_message("still here")
        until = time.monotonic() + 20
        while not spans.finished and time.monotonic() < until:
            time.sleep(0.01)
        (span,) = spans.finished
        assert (span.attributes or {})["agentsight.turn.incomplete_reason"] == "deadline"
        assert len(span.events) == 4
        turn.end()
        assert len(spans.finished) == 1


def test_a_future_that_nobody_asks_still_logs_its_exception(spans: Capture, caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> None:
        raise ValueError("nobody asks")

    @agentsight.turn
    def start() -> "asyncio.Task[None]":
        return asyncio.get_running_loop().create_task(fails())

    async def main() -> None:
        start()
        await asyncio.sleep(0.01)
        gc.collect()

    asyncio.run(main())
    assert "Task exception was never retrieved" in caplog.text
    assert (spans.named("invoke_agent start").attributes or {})["error.type"] == "ValueError"


def test_what_a_stream_changes_is_there_in_its_next_step(spans: Capture) -> None:
    @agentsight.turn
    def answer() -> Iterator[int]:
        agentsight.get_or_create_conversation("found on the way")
        yield 1
        agentsight.user_message("q")
        yield 2

    assert list(answer()) == [1, 2]
    assert {(span.attributes or {})["gen_ai.conversation.id"] for span in spans.finished} == {"found on the way"}
    assert not context.current_conversation().id


def test_a_turn_that_is_over_before_its_stream_begins_leaves_it_its_conversation(spans: Capture) -> None:
    @agentsight.turn
    def answer() -> Iterator[int]:
        agentsight.user_message("late")
        yield 1

    with agentsight.conversation("c"):
        stream = answer()
    from agentsight_otel import spans as module

    module.finish_open_turns("deadline")
    assert list(stream) == [1]
    assert [(span.attributes or {})["gen_ai.conversation.id"] for span in spans.finished] == ["c", "c"]
    assert messages(spans) == [[], ["late"]]
