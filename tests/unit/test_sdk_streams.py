"""Turns and tools that stream: the frameworks that drain them, and turns that outlive their block."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import flask
import pytest
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

import agentsight_otel as agentsight
from agentsight_otel._core.clock import steady_s
from agentsight_otel._recording import deadlines, turns
from agentsight_otel._tracing import context
from agentsight_otel.testing import Capture, capture
from tests.unit.recorded import messages


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


def test_a_turn_that_is_kept_open_ends_when_nothing_happens_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = steady_s()
    monkeypatch.setattr(turns, "steady_s", lambda: now_s)
    with capture(fixed=False, turn_timeout_s=600) as spans:
        with agentsight.conversation("c"), agentsight.turn() as turn:
            turn.keep_open()
        for _ in range(4):
            now_s += 599
            assert deadlines.expire(now_s) <= now_s + 1
            turn.user_message("still here")
        assert spans.finished == []
        now_s += 601
        assert deadlines.expire(now_s) == deadlines.NEVER
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
    from agentsight_otel._recording import turns

    turns.finish_open_turns("deadline")
    assert list(stream) == [1]
    assert [(span.attributes or {})["gen_ai.conversation.id"] for span in spans.finished] == ["c", "c"]
    assert messages(spans) == [[], ["late"]]


def test_a_tool_that_is_a_generator_records_what_it_yielded() -> None:
    @agentsight.tool
    def rows(count: int, fails: bool = False) -> Iterator[dict[str, int]]:
        for number in range(count):
            yield {"id": number}
        if fails:
            raise LookupError
        if not count:
            yield from ()
            return "nothing"

    @agentsight.tool
    async def texts() -> AsyncIterator[str]:
        yield "a"
        yield "b" * 1_000

    async def drain() -> None:
        async for _ in texts():
            pass

    with capture(max_value_bytes=256) as spans:
        list(rows(2))
        list(rows(100))
        list(rows(0))
        with pytest.raises(LookupError):
            list(rows(1, fails=True))
        next(rows(3))  # type: ignore[call-overload]
        assert len(spans.finished) == 5  # one that is dropped ends in the background
        asyncio.run(drain())
        results: list[Any] = [(span.attributes or {})["gen_ai.tool.call.result"] for span in spans.finished]
    assert all(len(result.encode()) <= 256 for result in results)
    first, long, returned, failed, closed, cut = (
        json.loads(result) if result[0] == "[" else result for result in results
    )
    assert first == [{"id": 0}, {"id": 1}]
    assert long[:2] == first and long[-1] == f"… {100 - len(long) + 1} more"
    assert (returned, failed, closed) == ("nothing", [{"id": 0}], [{"id": 0}])
    assert cut[0] == "a" and cut[1].endswith("b…")


def test_what_a_turn_streams_is_its_agents_message_where_it_is_inferred(spans: Capture) -> None:
    @agentsight.turn(infer=True, conversation_id="c")
    def answer(question: str, said: bool = False) -> Iterator[str]:
        if said:
            agentsight.agent_message("by hand")
        yield "There "
        yield "you are."

    assert list(answer("Where?")) == ["There ", "you are."]
    list(answer("Where?", said=True))
    assert messages(spans) == [["Where?", "There you are."], ["Where?", "by hand"]]
