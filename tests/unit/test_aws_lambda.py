"""The serverless handler wrapper: flushed before the environment may freeze, whatever the handler does."""

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import agentsight_otel as agentsight
from agentsight_otel._lifecycle import setup
from agentsight_otel._tracing import context
from agentsight_otel.integrations.aws_lambda import handler


class Invocation:
    def __init__(self, left_ms: int) -> None:
        self.left_ms = left_ms

    def get_remaining_time_in_millis(self) -> int:
        return self.left_ms


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    token = otel_context.attach(otel_context.Context())
    exporter = InMemorySpanExporter()
    # Without a flush the spans would wait an hour for company.
    agentsight.init(span_exporter=exporter, set_global=False, schedule_delay_s=3600)
    yield exporter
    agentsight.shutdown()
    otel_context.detach(token)


def names(exporter: InMemorySpanExporter) -> list[str]:
    return [span.name for span in exporter.get_finished_spans()]


def test_cold_and_warm_invocations_are_delivered_in_their_own_conversations(exporter: InMemorySpanExporter) -> None:
    @handler(conversation_id=lambda event, invocation: {"conversation_id": event["id"], "source": "voice"})
    def handle(event: dict[str, str], invocation: Invocation) -> str:
        agentsight.user_message("hi")
        return context.current_conversation().id

    for number in range(3):
        assert handle({"id": f"c{number}"}, Invocation(10_000)) == f"c{number}"
        assert len(names(exporter)) == number + 1
        assert context.current_conversation().id == ""
    last = exporter.get_finished_spans()[-1].attributes or {}
    assert (last["gen_ai.conversation.id"], last["agentsight.conversation.source"]) == ("c2", "voice")


def test_an_exception_passes_unchanged_after_the_flush(exporter: InMemorySpanExporter) -> None:
    error = KeyError("theirs")

    @handler
    @agentsight.turn
    def handle(event: Any, invocation: Any) -> None:
        raise error

    with pytest.raises(KeyError) as raised:
        handle({}, Invocation(10_000))
    assert raised.value is error
    assert names(exporter) == ["invoke_agent handle"]


@pytest.mark.parametrize(
    ("invocation", "most_s", "expected"),
    [(Invocation(60_000), 10, 10), (Invocation(3_000), 10, 2.5), (Invocation(100), 10, 0), (None, 10, 2), (None, 1, 1)],
)
def test_the_flush_takes_what_is_left_and_no_more(
    monkeypatch: pytest.MonkeyPatch, invocation: Any, most_s: float, expected: float
) -> None:
    taken: list[float] = []
    monkeypatch.setattr(setup, "flush", lambda *, timeout_s: taken.append(timeout_s))
    assert handler(flush_timeout_s=most_s)(lambda event, invocation: "ok")({}, invocation) == "ok"
    assert taken == [expected]


def test_an_event_that_names_no_conversation_or_breaks_the_callable_is_handled_all_the_same(
    exporter: InMemorySpanExporter,
) -> None:
    handled = handler(conversation_id=lambda event, invocation: event.get("id"))(lambda event, invocation: "ok")
    assert handled({}, None) == "ok"
    assert handled(None, None) == "ok"


def test_it_stays_the_function_that_it_was() -> None:
    @handler
    def handle(event: dict[str, str], invocation: object) -> str:
        """Answers."""
        return "ok"

    assert (handle.__name__, handle.__doc__) == ("handle", "Answers.")
    assert list(inspect.signature(handle).parameters) == ["event", "invocation"]


def test_what_lambda_does_not_run_is_refused() -> None:
    async def coroutine(event: Any, invocation: Any) -> None: ...

    with pytest.raises(TypeError, match="expected a plain function as handler"):
        handler(coroutine)


def test_an_invocation_leaves_nothing_to_the_next(exporter: InMemorySpanExporter) -> None:
    @handler
    def handle(event: dict[str, str], invocation: Invocation) -> str:
        if "id" in event:
            agentsight.get_or_create_conversation(event["id"])
        return context.current_conversation().id

    assert [handle(event, Invocation(10_000)) for event in ({"id": "c1"}, {}, {"id": "c2"})] == ["c1", "", "c2"]
