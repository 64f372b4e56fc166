"""Model calls, attachments, metadata and hints: what they record."""

import asyncio
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

import agentsight_otel as agentsight
from agentsight_otel import semconv
from agentsight_otel.context import current_conversation
from agentsight_otel.integrations import celery as integration
from agentsight_otel.testing import Capture, capture


def attributes(spans: Capture, name: str) -> dict[str, Any]:
    return dict(spans.named(name).attributes or {})


def test_a_model_call_by_hand(spans: Capture) -> None:
    with agentsight.conversation("c"), agentsight.turn(), agentsight.generation("gpt-5", provider="openai") as call:
        call.first_chunk()
        call.usage(100, 20, cache_read_input_tokens=80, reasoning_output_tokens=5)
        call.response(model="gpt-5-2025-08-07", id="r1", finish_reasons=["stop"])
    own = attributes(spans, "chat gpt-5")
    assert own.pop("gen_ai.response.time_to_first_chunk") >= 0
    assert own.pop("agentsight.turn.id")
    assert own == {
        "gen_ai.conversation.id": "c",
        "agentsight.span.kind": "llm",
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-5",
        "gen_ai.provider.name": "openai",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 80,
        "gen_ai.usage.reasoning.output_tokens": 5,
        "gen_ai.response.model": "gpt-5-2025-08-07",
        "gen_ai.response.id": "r1",
        "gen_ai.response.finish_reasons": ("stop",),
    }
    assert spans.named("chat gpt-5").kind.name == "CLIENT"


@dataclass
class Response:
    usage: Any
    id: str = "r"
    model: str = "m"
    choices: list[Any] = field(default_factory=list)


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        pytest.param(
            {
                "usage": {
                    "prompt_tokens": 100,
                    "completion_tokens": 20,
                    "prompt_tokens_details": {"cached_tokens": 80},
                    "completion_tokens_details": {"reasoning_tokens": 5},
                },
                "choices": [{"finish_reason": "stop"}],
            },
            (100, 20, 80, None, 5, ("stop",)),
            id="OpenAI chat completions",
        ),
        pytest.param(
            {
                "usage": {
                    "input_tokens": 100,
                    "output_tokens": 20,
                    "input_tokens_details": {"cached_tokens": 80},
                    "output_tokens_details": {"reasoning_tokens": 5},
                }
            },
            (100, 20, 80, None, 5, None),
            id="OpenAI responses",
        ),
        pytest.param(
            {
                "usage": {
                    "input_tokens": 10,
                    "output_tokens": 20,
                    "cache_read_input_tokens": 80,
                    "cache_creation_input_tokens": 10,
                },
                "stop_reason": "end_turn",
            },
            (100, 20, 80, 10, None, ("end_turn",)),
            id="Anthropic counts the cache apart",
        ),
        pytest.param(
            {
                "usage_metadata": {
                    "prompt_token_count": 100,
                    "candidates_token_count": 15,
                    "thoughts_token_count": 5,
                    "cached_content_token_count": 80,
                },
                "candidates": [{"finish_reason": "STOP"}],
            },
            (100, 20, 80, None, 5, ("STOP",)),
            id="Google counts thoughts apart",
        ),
        pytest.param(
            {
                "usage_metadata": {
                    "input_tokens": 100,
                    "output_tokens": 20,
                    "input_token_details": {"cache_read": 80, "cache_creation": 10},
                    "output_token_details": {"reasoning": 5},
                }
            },
            (100, 20, 80, 10, 5, None),
            id="LangChain",
        ),
        pytest.param("a text", (None, None, None, None, None, None), id="no response"),
    ],
)
def test_a_decorated_model_call_reads_its_response(spans: Capture, response: Any, expected: tuple[Any, ...]) -> None:
    @agentsight.generation("m")
    async def ask() -> Any:
        return response

    assert asyncio.run(ask()) is response
    own = attributes(spans, "chat m")
    keys = (
        semconv.GEN_AI_USAGE_INPUT_TOKENS,
        semconv.GEN_AI_USAGE_OUTPUT_TOKENS,
        semconv.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
        semconv.GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS,
        semconv.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
        semconv.GEN_AI_RESPONSE_FINISH_REASONS,
    )
    assert tuple(own.get(key) for key in keys) == expected


def test_a_model_hint_names_calls_that_name_no_model(spans: Capture) -> None:
    tracer = spans.tracer("llm client")
    with agentsight.conversation("c"), agentsight.model_hint("llama3"):
        with agentsight.generation():
            pass
        with agentsight.generation("named"), agentsight.model_hint("inner"):
            pass
        with tracer.start_as_current_span("unnamed", attributes={"gen_ai.operation.name": "chat"}):
            pass
        with tracer.start_as_current_span("other"):
            pass
    assert attributes(spans, "chat llama3")["agentsight.llm.model_declared"] is True
    assert "agentsight.llm.model_declared" not in attributes(spans, "chat named")
    assert attributes(spans, "unnamed")["gen_ai.request.model"] == "llama3"
    assert "gen_ai.request.model" not in attributes(spans, "other")


def test_attachments_are_described_and_never_carried(spans: Capture, tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(b"x" * 7)
    with agentsight.conversation("c"), path.open("rb") as file:
        agentsight.record_attachments(
            [path, file, {"filename": "/a/b.png", "mime_type": "image/png", "data": b"12345"}, object()],
            sender="agent",
            metadata={"n": 1},
        )
    own = attributes(spans, "attachment")
    assert own["agentsight.attachment.files"] == (
        '[{"name":"report.pdf"},{"name":"report.pdf"},{"name":"b.png","type":"image/png","size":5},{}]'
    )
    assert (own["agentsight.attachment.count"], own["agentsight.attachment.sender"]) == (4, "agent")
    assert own["agentsight.metadata"] == '{"n":1}'


def test_metadata_changes_for_every_span_from_then_on_and_everywhere(spans: Capture) -> None:
    with agentsight.conversation("c", metadata={"plan": "free", "waiting": True}), agentsight.turn("outer"):
        with agentsight.task("inside"):
            agentsight.update_metadata({"plan": "paid", "none": None}, remove=["waiting", "not there"])
        with agentsight.tool("after"):
            pass
    agentsight.update_metadata({"plan": "nowhere"})
    said = {span.name: (span.attributes or {}).get("agentsight.conversation.metadata") for span in spans.finished}
    changed = '{"plan":"paid","none":null}'
    assert said["metadata_updated"] == said["execute_tool after"] == changed
    assert said["inside"] == '{"plan":"free","waiting":true}'


def test_metadata_that_came_as_text_keeps_its_members_when_others_change(spans: Capture) -> None:
    given: Any = '{"plan":"free","waiting":true}'
    with agentsight.conversation("c", metadata=given) as entered, agentsight.turn():
        assert entered.metadata == {"plan": "free", "waiting": True}
        agentsight.update_metadata({"plan": "paid"})
        agentsight.update_metadata("vip")  # type: ignore[arg-type]
        agentsight.update_metadata('{"seats":2}', remove="waiting")  # type: ignore[arg-type]
        agentsight.update_metadata(None)
        agentsight.update_metadata("")  # type: ignore[arg-type]
    said = [str((span.attributes or {})["agentsight.conversation.metadata"]) for span in spans.finished]
    assert said[:3] == [
        '{"plan":"paid","waiting":true}',
        '{"plan":"paid","waiting":true,"value":"vip"}',
        '{"plan":"paid","value":"vip","seats":2}',
    ]
    assert {*said[3:-1]} == {said[2]}


def test_metadata_that_a_task_of_celery_brings_keeps_its_members(spans: Capture) -> None:
    app = Celery("app", broker="memory://")
    headers: dict[str, Any] = {}

    @app.task
    def change() -> None:
        agentsight.update_metadata({"plan": "paid"})

    with agentsight.conversation("c", metadata={"plan": "free", "seats": 2}):
        integration._send(headers)
    change.request.update(headers)
    integration._enter("id", change)
    change()
    integration._leave("id")
    (span,) = spans.finished
    assert (span.attributes or {})["agentsight.conversation.metadata"] == '{"plan":"paid","seats":2}'


def test_nothing_inside_a_conversation_that_is_not_to_be_recorded(spans: Capture) -> None:
    tracer = spans.tracer("llm client")

    @agentsight.tool
    def search() -> int:
        return 1

    with agentsight.conversation("c", enabled=False), agentsight.turn() as turn:
        turn.user_message("hi")
        agentsight.agent_message("hi")
        assert search() == 1
        agentsight.button("pay")
        with tracer.start_as_current_span("chat"):
            pass
        agentsight.get_or_create_conversation("c", device="mobile")
    agentsight.open_conversation("c", enabled=False)
    assert spans.names() == []


def test_a_visit_leaves_the_current_conversation_as_it_is(spans: Capture) -> None:
    agentsight.open_conversation("visit", device="mobile")
    with agentsight.turn():
        pass
    assert attributes(spans, "conversation_opened")["gen_ai.conversation.id"] == "visit"
    assert "gen_ai.conversation.id" not in attributes(spans, "invoke_agent")


def test_arguments_of_the_former_sdk_are_taken_and_those_without_meaning_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        caplog.at_level(logging.INFO, logger="agentsight_otel"),
        capture(endpoint="https://api.example.com", verify_key=True, export_interval_ms=20, turn_timeout_ms=1_500),
    ):
        from agentsight_otel._tracing import runtime

        settings = runtime.current().settings
        assert (settings.schedule_delay_s, settings.turn_timeout_s) == (0.02, 1.5)
    assert "endpoint, verify_key: not used" in caplog.text
    with pytest.raises(TypeError, match="no setting 'nonsense'"):
        agentsight.init(nonsense=1)


def test_a_field_that_does_not_exist_is_named_and_the_others_count(
    spans: Capture, caplog: pytest.LogCaptureFixture
) -> None:
    given: Any = {"devise": "mobile", "language": "el"}
    with agentsight.conversation("mistyped", **given), agentsight.turn():
        pass
    (turn,) = spans.finished
    assert turn.attributes is not None
    assert turn.attributes["gen_ai.conversation.id"] == "mistyped"
    assert turn.attributes["agentsight.conversation.language"] == "el"
    assert "devise: not a field of a conversation (did you mean device?); ignored" in caplog.text


def test_a_misspelt_parameter_is_refused_where_it_is_written() -> None:
    with pytest.raises(TypeError, match=r"id_from: 'sesion_id' is no parameter of .*did you mean session_id"):

        @agentsight.turn(id_from="sesion_id")
        def answer(session_id: str) -> None:
            """Never called."""


def test_a_parameter_may_be_among_those_that_a_function_takes_by_any_name(spans: Capture) -> None:
    @agentsight.turn(id_from="session_id")
    def answer(**more: str) -> None:
        """Nothing."""

    answer(session_id="c1")
    assert (spans.named("invoke_agent answer").attributes or {})["gen_ai.conversation.id"] == "c1"


def test_who_asks_is_told_the_current_conversation() -> None:
    with agentsight.conversation("c", language="el"):
        assert current_conversation().id == "c"
        assert current_conversation().attributes["agentsight.conversation.language"] == "el"
    assert current_conversation().id == ""
