"""A fault at any seam leaves the application's results and errors as they are."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

import agentsight_otel as agentsight
from agentsight_otel._core import clock, otel_context, values
from agentsight_otel._lifecycle import setup
from agentsight_otel._recording import spans, streams
from agentsight_otel._tracing import context, conversations, ids, runtime
from agentsight_otel.testing import capture


class Fault(Exception):
    pass


def fail(*args: object, **kwargs: object) -> Any:
    raise Fault


class BrokenAtStart(SpanProcessor):
    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        raise Fault


class BrokenAtEnd(SpanProcessor):
    def on_end(self, span: ReadableSpan) -> None:
        raise Fault


def processor(kind: type[SpanProcessor]) -> Callable[[pytest.MonkeyPatch], AbstractContextManager[None]]:
    def install(patch: pytest.MonkeyPatch) -> AbstractContextManager[None]:
        assert setup.state.started is not None
        setup.state.started.pipeline.provider.add_span_processor(kind())
        return nullcontext()

    return install


def replaced(module: object, name: str) -> Callable[[pytest.MonkeyPatch], AbstractContextManager[None]]:
    def install(patch: pytest.MonkeyPatch) -> AbstractContextManager[None]:
        patch.setattr(module, name, fail)
        return nullcontext()

    return install


def backwards() -> Callable[[], int]:
    now_ns = 1_700_000_000_000_000_000

    def read() -> int:
        nonlocal now_ns
        now_ns -= 3_600_000_000_000
        return now_ns

    return read


SEAMS: dict[str, Callable[[pytest.MonkeyPatch], AbstractContextManager[None]]] = {
    "processor at start": processor(BrokenAtStart),
    "processor at end": processor(BrokenAtEnd),
    "serializer": replaced(runtime.Runtime, "text"),
    "identity's serializer": replaced(conversations, "to_text"),
    "json": replaced(values, "_write"),
    "clock raises": lambda patch: clock.use_clock(fail),
    "clock goes back": lambda patch: clock.use_clock(backwards()),
    "ids": replaced(ids, "new_span_id"),
    "entering contexts": lambda patch: replaced(otel_context.runtime_context, "attach")(patch),
    "leaving contexts": lambda patch: replaced(otel_context.runtime_context, "detach")(patch),
    "describing": replaced(context, "describe"),
    "streams": replaced(streams, "_adapter_of"),
    "outcomes": replaced(spans.AgentSpan, "_set_outcome"),
}


class Hostile:
    def __str__(self) -> str:
        raise Fault

    __repr__ = __str__


@pytest.mark.parametrize("seam", SEAMS)
def test_results_and_errors_are_the_applications_own(seam: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cause, around = LookupError("cause"), KeyError("around")
    error = ValueError("the application's")
    error.__cause__, error.__context__ = cause, around

    @agentsight.tool
    def search(query: object) -> object:
        return [query]

    @agentsight.tool
    def raising() -> None:
        raise error

    @agentsight.turn
    def chunks() -> Iterator[str]:
        agentsight.user_message("hi")
        yield "a"
        yield "b"

    @agentsight.turn(id_from=fail, infer=True)
    async def async_chunks(text: str) -> AsyncIterator[str]:
        yield "c"

    @agentsight.generation("m", provider="p")
    async def ask(prompt: str) -> str:
        return prompt

    async def main() -> list[str]:
        assert await ask("x") == "x"
        return [chunk async for chunk in async_chunks("q")]

    hostile = Hostile()
    with capture(raise_errors=False), monkeypatch.context() as patch, SEAMS[seam](patch):
        agentsight.get_or_create_conversation("c", metadata={"x": hostile})
        with agentsight.conversation("c", customer_id="u"), agentsight.turn() as turn:
            turn.user_message(hostile, metadata={"x": hostile})
            assert search(hostile) == [hostile]
            with pytest.raises(ValueError) as raised:
                raising()
            assert list(agentsight.wrap(iter("xy"))) == ["x", "y"]
        assert raised.value is error
        assert (error.__cause__, error.__context__) == (cause, around)
        frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        assert frames == ["test_results_and_errors_are_the_applications_own", "call", "raising"]
        assert list(chunks()) == ["a", "b"]
        assert asyncio.run(main()) == ["c"]
        agentsight.button("pay")
        agentsight.record_attachments(["a.pdf"])
        agentsight.update_metadata({"x": hostile})
        agentsight.feedback("positive")
        agentsight.end_conversation("c")
        agentsight.flush()


def test_an_exporter_that_raises_changes_nothing() -> None:
    from opentelemetry.sdk.trace.export import SpanExporter

    class Broken(SpanExporter):
        export = fail

    assert agentsight.init(span_exporter=Broken(), set_global=False, shutdown_timeout_s=0.1, schedule_delay_s=0.01)
    with agentsight.conversation("c"), agentsight.turn():
        agentsight.user_message("hi")
    assert agentsight.flush(50) is False
    assert agentsight.shutdown() is False


def test_a_clock_that_goes_back_gives_no_span_that_ends_before_it_starts() -> None:
    with capture(fixed=False) as recorded:
        with clock.use_clock(backwards()), agentsight.conversation("c"), agentsight.turn() as turn:
            turn.user_message("a")
            turn.agent_message("b")
        (span,) = recorded.finished
        first, second = (event.timestamp for event in span.events)
        assert (span.start_time, second, span.end_time) == (first, first + 1_000_000, second)
