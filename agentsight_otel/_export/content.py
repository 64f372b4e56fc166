"""The kinds of content that ``capture_content`` tells apart, and where each stands: ours, and what other SDKs call it.

``docs/privacy.md`` says what each kind is; ``collector_config/optional/no-content.yaml`` removes all of them.
"""

from collections.abc import Callable, Iterable
from typing import Final

from agentsight_otel import semconv

SPAN_STATUS: Final = "span.status.description"
"""What the text of a span's status goes by."""

KEYS: Final[dict[str, tuple[str, ...]]] = {
    "messages": (
        semconv.MESSAGE_CONTENT,
        semconv.MESSAGE_METADATA,
        "agentsight.exchange.input",
        "agentsight.exchange.output",
    ),
    "tool_arguments": (
        semconv.GEN_AI_TOOL_CALL_ARGUMENTS,
        "agentsight.tool.arguments",
        "ai.toolCall.args",
        "ai.toolCall.input",
        "gcp.vertex.agent.tool_call_args",
        "lk.function_tool.arguments",
        "tool.parameters",
        "tool_arguments",
    ),
    "tool_results": (
        semconv.GEN_AI_TOOL_CALL_RESULT,
        "agentsight.tool.response",
        "ai.toolCall.result",
        "ai.toolCall.output",
        "gcp.vertex.agent.tool_response",
        "lk.function_tool.output",
        "tool.result",
        "tool_response",
    ),
    "llm": (
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.system_instructions",
        "gen_ai.tool.definitions",
        "gen_ai.prompt*",
        "gen_ai.completion*",
        "gen_ai.event.content",
        "gen_ai.task.input",
        "gen_ai.task.output",
        "agentsight.entity.input",
        "agentsight.entity.output",
        "llm.input_messages*",
        "llm.output_messages*",
        "llm.prompts*",
        "llm.prompt_template*",
        "llm.completions*",
        "llm.choices*",
        "llm.invocation_parameters",
        "input.value",
        "output.value",
        "input",
        "output",
        "traceloop.entity.input",
        "traceloop.entity.output",
        "traceloop.prompt.template_variables*",
        "ai.prompt*",
        "ai.response.text",
        "ai.response.object",
        "ai.response.reasoning",
        "ai.response.toolCalls",
        "ai.result*",
        "ai.value*",
        "langfuse.observation.input",
        "langfuse.observation.output",
        "langfuse.trace.input",
        "langfuse.trace.output",
        "mlflow.spanInputs",
        "mlflow.spanOutputs",
        "mlflow.traceInputs",
        "mlflow.traceOutputs",
        "mlflow.chunk.value",
        "gcp.vertex.agent.llm_request",
        "gcp.vertex.agent.llm_response",
        "gcp.vertex.agent.data",
        "haystack.component.input*",
        "haystack.component.output*",
        "haystack.pipeline.input_data",
        "haystack.pipeline.output_data",
        "lk.pii*",
        "lk.chat_ctx",
        "lk.input_text",
        "lk.instructions",
        "lk.response.text",
        "lk.response.function_calls",
        "lk.user_input",
        "lk.user_transcript",
        "pydantic_ai.all_messages",
        "all_messages_events",
        "final_result",
        "events",
        "logfire.msg",
        "raw_input",
        "request_data",
        "response",
        "response_data",
        "user_prompt",
    ),
    "documents": (
        "gen_ai.retrieval.documents*",
        "gen_ai.retrieval.query*",
        "retrieval.documents*",
        "retrieval.query*",
        "reranker.input_documents*",
        "reranker.output_documents*",
        "reranker.query",
        "embedding.embeddings*",
        "embedding.text",
        "db.query.result*",
        "db.vector.query.result*",
    ),
    "attachments": (semconv.ATTACHMENT_FILES,),
    "feedback_comments": (semconv.FEEDBACK_COMMENT, "gen_ai.evaluation.explanation", "logfire.feedback.comment"),
    "buttons": (semconv.BUTTON_LABEL, semconv.BUTTON_VALUE),
    "metadata": (
        semconv.CONVERSATION_METADATA,
        semconv.CONVERSATION_NAME,
        semconv.METADATA,
        "langfuse.observation.metadata*",
        "langfuse.trace.metadata*",
        "metadata",
    ),
    "errors": (
        SPAN_STATUS,
        "exception.message",
        "exception.stacktrace",
        "agentsight.llm.error",
        "agentsight.tool.error",
        "error",
        "error.message",
        "error.stack",
        "langfuse.observation.status_message",
    ),
}
"""The kinds, and the attributes that hold them; ``*``: and whatever begins so."""

_TOOL_ENTITIES: Final = frozenset(
    {
        *("input.value", "output.value", "input", "output", "traceloop.entity.input", "traceloop.entity.output"),
        *("langfuse.observation.input", "langfuse.observation.output", "mlflow.spanInputs", "mlflow.spanOutputs"),
    }
)
"""A tool's arguments and results under other SDKs' names, which are a model's too: they go with either."""

_MODEL_EVENT: Final = "gen_ai."
SAID_OF_A_MODEL: Final = (
    *("gen_ai.request.", "gen_ai.response.", "gen_ai.usage.", "gen_ai.operation."),
    *("gen_ai.evaluation.name", "gen_ai.evaluation.score."),
)
"""How attributes of an event of a model begin that are no content."""

SAID_OF_AN_EVENT: Final = frozenset(
    {
        *("event.name", "finish_reason", "id", "index", "name", "role"),
        *("gen_ai.system", "gen_ai.provider.name", "gen_ai.agent.name", semconv.CONVERSATION_ID),
        semconv.FEEDBACK_SOURCE,
    }
)
"""Other such attributes."""

ALL: Final = tuple(key for keys in KEYS.values() for key in keys)
"""The attributes of all kinds."""

NO_TEXT_OF_EVENTS: Final = (*sorted(SAID_OF_AN_EVENT), *(f"{prefix}*" for prefix in SAID_OF_A_MODEL))
"""Of events of models, all that is no content."""


class Withheld:
    """Which attributes hold content of kinds that are withheld.

    Attributes:
        any: Whether there are such kinds.
        of_span: Says of a key whether it holds any; None: of none.

    Args:
        captured: The kinds that are kept.
    """

    def __init__(self, captured: Iterable[str]) -> None:
        kinds = KEYS.keys() - set(captured)
        keys = {key for kind in kinds for key in KEYS[kind]}
        if kinds & {"tool_arguments", "tool_results"}:
            keys |= _TOOL_ENTITIES
        self.any = bool(kinds)
        self._exact = frozenset(key for key in keys if not key.endswith("*"))
        self._prefixes = tuple(key[:-1] for key in keys if key.endswith("*"))
        self._models = "llm" in kinds
        self.of_span = self.__contains__ if kinds else None

    def __contains__(self, key: str) -> bool:
        return key in self._exact or key.startswith(self._prefixes)

    def of_event(self, name: str) -> Callable[[str], bool] | None:
        """As ``of_span``, for an event of this name.

        Of those of models (``gen_ai.user.message``, ``gen_ai.choice``, …) only what is known to be no text is kept.
        """
        if self._models and name.startswith(_MODEL_EVENT):
            return lambda key: key not in SAID_OF_AN_EVENT and not key.startswith(SAID_OF_A_MODEL)
        return self.of_span
