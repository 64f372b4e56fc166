"""Calls of a language model, recorded by hand: what the GenAI semantic conventions say of an inference."""

import enum
import time
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.trace import SpanKind as OtelSpanKind

from agentsight_otel import semconv
from agentsight_otel._core.guard import guard, guarded
from agentsight_otel._core.shapes import exact, member_of
from agentsight_otel._recording.spans import AgentSpan, bounded_text
from agentsight_otel._tracing import context, runtime
from agentsight_otel._tracing.context import Attributes


class GenerationSpan(AgentSpan):
    """One call of a language model.

    Args:
        model: As requested; default: that of ``model_hint``.
        provider: openai, anthropic, aws.bedrock, gcp.vertex_ai, …
        operation: chat, text_completion, generate_content, embeddings, …
    """

    otel_kind = OtelSpanKind.CLIENT

    def __init__(self, model: object = None, *, provider: object = None, operation: str = "") -> None:
        attributes: Attributes = {semconv.GEN_AI_OPERATION_NAME: operation or semconv.OPERATION_CHAT}
        called = ""
        with guard("describing a model call"):
            called = bounded_text(model)
            if not called and runtime.current().enabled and (called := context.model_hint_in(None)):
                attributes[semconv.LLM_MODEL_DECLARED] = True
            if called:
                attributes[semconv.GEN_AI_REQUEST_MODEL] = called
            if given_by := bounded_text(provider):
                attributes[semconv.GEN_AI_PROVIDER_NAME] = given_by
        self._began_s = time.monotonic()
        super().__init__(semconv.KIND_LLM, f"{attributes[semconv.GEN_AI_OPERATION_NAME]} {called}".strip(), attributes)

    @guarded("recording token usage")
    def usage(
        self,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        *,
        cache_read_input_tokens: int | None = None,
        cache_creation_input_tokens: int | None = None,
        reasoning_output_tokens: int | None = None,
    ) -> None:
        """Records the tokens used. Never raises.

        Args:
            input_tokens: All of the prompt, those from and to a cache included.
            output_tokens: All of the answer, reasoning included.
            cache_read_input_tokens: How many of the input came from the provider's cache.
            cache_creation_input_tokens: How many of the input were written to it.
            reasoning_output_tokens: How many of the output were reasoning.
        """
        self._set(
            {
                semconv.GEN_AI_USAGE_INPUT_TOKENS: _count(input_tokens),
                semconv.GEN_AI_USAGE_OUTPUT_TOKENS: _count(output_tokens),
                semconv.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: _count(cache_read_input_tokens),
                semconv.GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS: _count(cache_creation_input_tokens),
                semconv.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: _count(reasoning_output_tokens),
            }
        )

    @guarded("recording a model's response")
    def response(
        self, *, model: str | None = None, id: str | None = None, finish_reasons: Sequence[str] | None = None
    ) -> None:
        """Records what the response says of itself. Never raises.

        Args:
            model: That answered, a dated one for example.
            id: Of the response.
            finish_reasons: Why it ended, one for each choice.
        """
        self._set(
            {
                semconv.GEN_AI_RESPONSE_MODEL: bounded_text(model) or None,
                semconv.GEN_AI_RESPONSE_ID: bounded_text(id) or None,
                semconv.GEN_AI_RESPONSE_FINISH_REASONS: tuple(str(reason) for reason in finish_reasons or ()) or None,
            }
        )

    @guarded("recording the first chunk")
    def first_chunk(self) -> None:
        """Notes that the first chunk of a streamed response has come. Never raises."""
        self._set({semconv.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK: time.monotonic() - self._began_s})

    @guarded("reading a model's response")
    def result(self, value: object) -> None:
        """Reads model, id, finish reasons and usage off a response of OpenAI, Anthropic, Google or LangChain.

        Of anything else, such as an object of your own, what it holds in memory under the same names. Never raises.
        """
        if value is None or self.finished or not self.span.is_recording():
            return
        self.response(
            model=_text(member_of(value, "model", "model_version")),
            id=_text(member_of(value, "id", "response_id")),
            finish_reasons=_finish_reasons(value),
        )
        used = member_of(value, "usage", "usage_metadata")
        if used is None:
            return
        read = _count(member_of(used, "cache_read_input_tokens"))
        created = _count(member_of(used, "cache_creation_input_tokens"))
        given = _count(member_of(used, "input_tokens", "prompt_tokens", "prompt_token_count"))
        if given is not None and (read is not None or created is not None):
            given += (read or 0) + (created or 0)  # Anthropic counts them apart from the input
        details = member_of(used, "input_tokens_details", "prompt_tokens_details", "input_token_details")
        if read is None:
            read = _count(member_of(details, "cached_tokens", "cache_read"))
        if read is None:
            read = _count(member_of(used, "cached_content_token_count"))
        if created is None:
            created = _count(member_of(details, "cache_creation"))
        reasoning = _count(
            member_of(
                member_of(used, "output_tokens_details", "completion_tokens_details", "output_token_details"),
                "reasoning_tokens",
                "reasoning",
            )
        )
        answered = _count(member_of(used, "output_tokens", "completion_tokens", "candidates_token_count"))
        if reasoning is None:
            reasoning = _count(member_of(used, "thoughts_token_count"))
            if reasoning is not None:
                answered = (answered or 0) + reasoning  # Google counts them apart from the output
        self.usage(
            given,
            answered,
            cache_read_input_tokens=read,
            cache_creation_input_tokens=created,
            reasoning_output_tokens=reasoning,
        )

    def _set(self, attributes: Mapping[str, Any]) -> None:
        if not self.finished:
            for key, value in attributes.items():
                if value is not None:
                    self.put(key, value)


def _count(value: Any) -> int | None:
    kind = type(value)  # isinstance() would ask the value, which may load itself for that
    return value if issubclass(kind, int) and kind is not bool and value >= 0 else None


def _text(value: Any) -> str | None:
    kind = type(value)
    if issubclass(kind, enum.Enum):
        return _text(value._value_)
    return exact(value) if issubclass(kind, str) else str(value) if kind is int else None


def _finish_reasons(value: object) -> list[str] | None:
    choices = member_of(value, "choices", "candidates")
    if type(choices) in (list, tuple):
        reasons = [member_of(choice, "finish_reason") for choice in choices]
    else:
        reasons = [member_of(value, "stop_reason")]
    return [text for reason in reasons if (text := _text(reason))] or None
