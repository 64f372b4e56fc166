"""Our keys are those of OpenTelemetry's semantic conventions, and token usage is counted as they say."""

import importlib
import pkgutil
from types import SimpleNamespace
from typing import Any

import opentelemetry.semconv._incubating.attributes as incubating
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv._incubating.attributes.error_attributes import ErrorTypeValues
from opentelemetry.semconv._incubating.attributes.gen_ai_attributes import GenAiOperationNameValues
from opentelemetry.trace import SpanKind

import agentsight_otel as agentsight
from agentsight_otel import semconv, testing
from agentsight_otel._tracing import runtime

OURS = ("agentsight.", "traceloop.", "openinference.", "tool.")


COMPLETE = hasattr(gen_ai_attributes, "GEN_AI_USAGE_REASONING_OUTPUT_TOKENS")
"""Older packages of the conventions lack what came later."""


def registry() -> set[str]:
    keys: set[str] = set()
    for module in pkgutil.iter_modules(incubating.__path__):
        members = vars(importlib.import_module(f"{incubating.__name__}.{module.name}"))
        keys |= {value for name, value in members.items() if name.isupper() and isinstance(value, str)}
    return keys


def declared() -> set[str]:
    return {value for name, value in vars(semconv).items() if name.isupper() and isinstance(value, str)}


def test_every_key_that_is_not_ours_is_in_the_registry() -> None:
    foreign = {key for key in declared() if "." in key and not key.startswith(OURS)}
    assert len(foreign) > 25
    missing = foreign - registry()
    assert {key for key in missing if not key.startswith(("gen_ai.", "mcp."))} == set()
    if COMPLETE:
        assert missing == set()


def test_operations_and_error_types_are_well_known_values() -> None:
    operations = {value for name, value in vars(semconv).items() if name.startswith("OPERATION_")}
    known = {operation.value for operation in GenAiOperationNameValues}
    assert operations <= (known if COMPLETE else known | {"invoke_agent", "execute_tool"})
    assert ErrorTypeValues.OTHER.value == semconv.ERROR_TYPE_OTHER


OPENAI_CHAT = {
    "id": "chatcmpl-1",
    "model": "gpt-5-2026-01-01",
    "choices": [{"finish_reason": "stop"}],
    "usage": {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "total_tokens": 150,
        "prompt_tokens_details": {"cached_tokens": 80},
        "completion_tokens_details": {"reasoning_tokens": 30},
    },
}
OPENAI_RESPONSES = {
    "id": "resp_1",
    "model": "gpt-5-2026-01-01",
    "usage": {
        "input_tokens": 100,
        "output_tokens": 50,
        "input_tokens_details": {"cached_tokens": 80},
        "output_tokens_details": {"reasoning_tokens": 30},
    },
}
ANTHROPIC = {
    "id": "msg_1",
    "model": "claude-opus-5",
    "stop_reason": "end_turn",
    "usage": {
        "input_tokens": 10,
        "output_tokens": 50,
        "cache_read_input_tokens": 80,
        "cache_creation_input_tokens": 10,
    },
}
GOOGLE = {
    "response_id": "g_1",
    "model_version": "gemini-3",
    "candidates": [{"finish_reason": "STOP"}],
    "usage_metadata": {
        "prompt_token_count": 100,
        "candidates_token_count": 20,
        "thoughts_token_count": 30,
        "cached_content_token_count": 80,
        "total_token_count": 150,
    },
}
LANGCHAIN = {
    "id": "run-1",
    "usage_metadata": {
        "input_tokens": 100,
        "output_tokens": 50,
        "total_tokens": 150,
        "input_token_details": {"cache_read": 80, "cache_creation": 10},
        "output_token_details": {"reasoning": 30},
    },
}


def as_object(value: Any) -> Any:
    if isinstance(value, dict):
        return SimpleNamespace(**{key: as_object(member) for key, member in value.items()})
    return [as_object(member) for member in value] if isinstance(value, list) else value


@pytest.mark.parametrize("shape", [dict, as_object], ids=["mapping", "object"])
@pytest.mark.parametrize(
    ("response", "created", "reasoning"),
    [
        (OPENAI_CHAT, None, 30),
        (OPENAI_RESPONSES, None, 30),
        (ANTHROPIC, 10, None),
        (GOOGLE, None, 30),
        (LANGCHAIN, 10, 30),
    ],
    ids=["openai chat", "openai responses", "anthropic", "google", "langchain"],
)
def test_input_includes_the_cache_and_output_the_reasoning_whoever_answers(
    response: Any, created: int | None, reasoning: int | None, shape: Any
) -> None:
    with testing.capture() as spans:
        agentsight.get_or_create_conversation("c1")
        with agentsight.generation("a-model", provider="a-provider") as call:
            call.result(shape(response))
        (_, span) = spans.finished
    found = dict(span.attributes or {})
    usage = {key.removeprefix("gen_ai.usage."): value for key, value in found.items() if "usage" in key}
    expected = {
        "input_tokens": 100,
        "output_tokens": 50,
        "cache_read.input_tokens": 80,
        "cache_creation.input_tokens": created,
        "reasoning.output_tokens": reasoning,
    }
    assert usage == {key: value for key, value in expected.items() if value is not None}
    assert (span.name, span.kind) == ("chat a-model", SpanKind.CLIENT)
    assert found["gen_ai.request.model"] == "a-model" and found["gen_ai.provider.name"] == "a-provider"
    assert found.keys() <= declared()


@pytest.mark.parametrize("attached", [False, True], ids=["beside", "attached"])
def test_another_instrumentations_usage_stays_and_its_thread_is_not_our_conversation(
    attached: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "_expects_host", False)  # and again afterwards
    theirs = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5",
        "gen_ai.conversation.id": "thread_of_theirs",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 50,
        "gen_ai.usage.cache_read.input_tokens": 80,
        "gen_ai.usage.reasoning.output_tokens": 30,
        "gen_ai.response.finish_reasons": ("stop",),
    }
    provider = TracerProvider(shutdown_on_exit=False)
    if not attached:
        provider.add_span_processor(agentsight.ConversationSpanProcessor())
    with testing.capture(tracer_provider=provider if attached else None) as spans:
        agentsight.get_or_create_conversation("c1", customer_id="u1", device="mobile")
        with (
            agentsight.turn() as turn,
            provider.get_tracer("openai").start_as_current_span("chat gpt-5", attributes=theirs),
        ):
            pass
        span = spans.named("chat gpt-5")
    assert dict(span.attributes or {}) == {
        **theirs,
        "gen_ai.conversation.id": "c1",
        "user.id": "u1",
        "agentsight.conversation.device": "mobile",
        "agentsight.turn.id": turn.id,
    }
