"""What the types of the public surface are to a caller. mypy checks it; nothing here runs."""

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from typing_extensions import assert_type

import agentsight_otel as agentsight
from agentsight_otel._recording.generation import GenerationSpan
from agentsight_otel._recording.spans import ConversationScope, TaskSpan, ToolSpan
from agentsight_otel._recording.turns import TurnSpan
from agentsight_otel._tracing.context import Scope
from agentsight_otel.concurrency import ProcessPoolExecutor, ThreadPoolExecutor
from agentsight_otel.metrics import AsyncMetrics, Metrics, Selection, Table, Window, rows


def lifecycle() -> None:
    assert_type(agentsight.init("key", service_name="s", turn_timeout_ms=1), bool)
    assert_type(agentsight.is_enabled(), bool)
    assert_type(agentsight.flush(1_000), bool)
    assert_type(agentsight.flush(timeout_s=1), bool)
    assert_type(agentsight.shutdown(), bool)


def blocks() -> None:
    with agentsight.conversation("c", customer_id="u", metadata={"a": 1}) as scope:
        assert_type(scope, ConversationScope)
        assert_type(scope.conversation_id, str)
    with agentsight.turn("ask", agent="a", device="mobile") as turn:
        assert_type(turn, TurnSpan)
        assert_type(turn.id, str)
        assert_type(turn.keep_open(), TurnSpan)
    with agentsight.tool("t", arguments={"a": 1}, call_id="1") as tool:
        assert_type(tool, ToolSpan)
    with agentsight.task("t") as task:
        assert_type(task, TaskSpan)
    with agentsight.generation("m", provider="openai") as call:
        assert_type(call, GenerationSpan)
    with agentsight.model_hint("m") as hint:
        assert_type(hint, Scope)


async def async_blocks() -> None:
    async with agentsight.conversation() as scope:
        assert_type(scope, ConversationScope)
    async with agentsight.turn() as turn:
        assert_type(turn, TurnSpan)


@agentsight.tool
def bare(x: int) -> str:
    return str(x)


@agentsight.tool("named")
def named(x: int) -> str:
    return str(x)


@agentsight.turn(id_from="x", infer=True)
async def coroutine(x: int) -> str:
    return str(x)


@agentsight.task
def generator(x: int) -> Iterator[str]:
    yield str(x)


@agentsight.conversation("c")
async def async_generator(x: int) -> AsyncIterator[str]:
    yield str(x)


@agentsight.generation("m")
async def generation(x: int) -> str:
    return str(x)


@agentsight.model_hint("m")
def hinted(x: int) -> str:
    return str(x)


class Methods:
    @agentsight.tool
    def method(self, x: int) -> str:
        return str(x)

    @classmethod
    @agentsight.tool
    def outer(cls, x: int) -> str:
        return str(x)

    @agentsight.tool
    @classmethod
    def inner(cls, x: int) -> str:
        return str(x)

    @staticmethod
    @agentsight.turn
    def static(x: int) -> str:
        return str(x)


async def decorated() -> None:
    assert_type(bare(1), str)
    assert_type(named(1), str)
    assert_type(await coroutine(1), str)
    assert_type(generator(1), Iterator[str])
    assert_type(async_generator(1), AsyncIterator[str])
    assert_type(await generation(1), str)
    assert_type(hinted(1), str)
    assert_type(Methods().method(1), str)
    assert_type(Methods.outer(1), str)
    assert_type(Methods.inner(1), str)
    assert_type(Methods.static(1), str)
    assert_type(agentsight.tool(functools.partial(bare, 1))(), str)


def functions(coming: Awaitable[int]) -> None:
    assert_type(agentsight.get_or_create_conversation("c", "u", None, "mobile"), agentsight.Conversation)
    assert_type(agentsight.initialize_conversation("c"), agentsight.Conversation)
    agentsight.open_conversation("c", device="mobile")
    agentsight.user_message("hi", {"a": 1})
    agentsight.agent_message(text="hi", metadata={"a": 1})
    agentsight.button("pay", "Pay", "1", {"a": 1})
    agentsight.record_attachments(["a.pdf"], "agent")
    agentsight.update_metadata({"a": 1}, remove=["b"])
    agentsight.feedback("positive")
    agentsight.end_turn(complete=False)
    agentsight.abandon_turn()
    agentsight.end_conversation()
    assert_type(agentsight.wrap(iter("ab")), Iterator[str])
    assert_type(agentsight.wrap(coming), Awaitable[int])


def concurrency(work: Callable[[int], str]) -> None:
    assert_type(agentsight.carry(work)(1), str)
    with ThreadPoolExecutor() as threads, ProcessPoolExecutor() as processes:
        assert_type(threads.submit(work, 1).result(), str)
        assert_type(processes.submit(work, 1).result(), str)


async def figures(window: Window, metrics: Metrics, later: AsyncMetrics) -> None:
    assert_type(metrics.device_usage(window), Table[rows.DeviceUsage])
    assert_type(metrics.agent_response_time(window).one.average_s, float | None)
    assert_type(metrics.model_usage_over_time(window, step_s=3_600), Table[rows.ModelUsageOverTime])
    assert_type(metrics.messages(Selection(customers=("u",))), Iterator[rows.Message])
    assert_type(await later.device_usage(window), Table[rows.DeviceUsage])
    assert_type(await later.model_usage_over_time(window), Table[rows.ModelUsageOverTime])
    assert_type(later.conversations(), AsyncIterator[rows.Conversation])


def refused() -> None:
    Metrics("http://localhost").device_usage("last week")  # type: ignore[arg-type]
    bare("1")  # type: ignore[arg-type]
    agentsight.conversation("c", devise="mobile")  # type: ignore[call-arg]
    agentsight.turn(conversation=1)  # type: ignore[call-overload]
    untyped: Any = agentsight.tool(1)  # type: ignore[call-overload]
    del untyped
