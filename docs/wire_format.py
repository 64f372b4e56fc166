"""Writes wire-format.schema.json from semconv.py: ``python -m docs.wire_format``.

The schema describes a span as JSON: ``{"name": …, "attributes": {…}, "events": [{"name": …, "attributes": {…}}]}``,
and ``"resource": {"attributes": {…}}`` beside them.
"""

import ast
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from agentsight_otel import semconv

PAGE = Path(__file__).with_name("wire-format.schema.json")

_ANY_SPAN = (
    *semconv.IDENTITY_KEYS,
    *(semconv.CONVERSATION_ROBOT, semconv.IGNORE, semconv.ERROR_TYPE),
    *(semconv.EXCHANGE, semconv.EXCHANGE_INPUT, semconv.EXCHANGE_OUTPUT),
    *(semconv.CUT_BYTES, semconv.CUT_EVENTS, semconv.WITHHELD),
)
_RESOURCE = (semconv.SERVICE_NAME, semconv.SERVICE_VERSION, semconv.DEPLOYMENT_ENVIRONMENT_NAME, semconv.IGNORE)
_OF_KIND: dict[str, tuple[str, ...]] = {
    semconv.KIND_CONVERSATION: (
        semconv.CONVERSATION_ROBOT,
        semconv.CONVERSATION_ENDED,
        semconv.CONVERSATION_MARKED,
        semconv.CONVERSATION_DELETED,
    ),
    semconv.KIND_TURN: (
        *(semconv.GEN_AI_OPERATION_NAME, semconv.GEN_AI_AGENT_NAME),
        *(semconv.TURN_ID, semconv.TURN_COMPLETE, semconv.TURN_INCOMPLETE_REASON),
    ),
    semconv.KIND_TOOL: (
        *(semconv.GEN_AI_OPERATION_NAME, semconv.GEN_AI_TOOL_NAME, semconv.GEN_AI_TOOL_CALL_ID),
        *(semconv.GEN_AI_TOOL_CALL_ARGUMENTS, semconv.GEN_AI_TOOL_CALL_RESULT, semconv.METADATA),
    ),
    semconv.KIND_TASK: (semconv.ENTITY_NAME,),
    semconv.KIND_LLM: (
        *(semconv.GEN_AI_OPERATION_NAME, semconv.GEN_AI_PROVIDER_NAME, semconv.GEN_AI_REQUEST_MODEL),
        *(semconv.GEN_AI_RESPONSE_MODEL, semconv.GEN_AI_RESPONSE_ID, semconv.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK),
        *(semconv.GEN_AI_USAGE_INPUT_TOKENS, semconv.GEN_AI_USAGE_OUTPUT_TOKENS),
        *(semconv.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS, semconv.GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS),
        *(semconv.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS, semconv.GEN_AI_RESPONSE_FINISH_REASONS),
        semconv.LLM_MODEL_DECLARED,
    ),
    semconv.KIND_BUTTON: (semconv.BUTTON_EVENT, semconv.BUTTON_LABEL, semconv.BUTTON_VALUE, semconv.METADATA),
    semconv.KIND_ATTACHMENT: (
        *(semconv.ATTACHMENT_SENDER, semconv.ATTACHMENT_COUNT, semconv.ATTACHMENT_FILES, semconv.METADATA),
    ),
    semconv.KIND_FEEDBACK: (
        *(semconv.FEEDBACK_SENTIMENT, semconv.FEEDBACK_COMMENT, semconv.FEEDBACK_SOURCE, semconv.METADATA),
    ),
}
_NEEDED = {
    semconv.KIND_TOOL: (semconv.GEN_AI_TOOL_NAME,),
    semconv.KIND_FEEDBACK: (semconv.FEEDBACK_SENTIMENT,),
}
_VALUES: dict[str, tuple[str, ...]] = {
    semconv.FEEDBACK_SENTIMENT: semconv.SENTIMENTS,
    semconv.FEEDBACK_SOURCE: semconv.FEEDBACK_SOURCES,
    semconv.TURN_INCOMPLETE_REASON: semconv.INCOMPLETE_REASONS,
    semconv.MESSAGE_SENDER: (semconv.SENDER_END_USER, semconv.SENDER_AGENT),
    semconv.ATTACHMENT_SENDER: (semconv.SENDER_END_USER, semconv.SENDER_AGENT),
}
_TYPES = {"string": "string", "double": "number", "int": "integer", "bool": "boolean"}


def descriptions() -> dict[str, str]:
    """The docstring of each key in semconv.py, by the key."""
    body = ast.parse(Path(semconv.__file__).read_text(encoding="utf-8")).body
    by_key = {}
    for statement, after in pairwise(body):
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(value := getattr(semconv, statement.target.id), str)
        ):
            by_key[value] = " ".join(str(after.value.value).split())
    return by_key


def schema() -> dict[str, Any]:
    """The JSON schema."""
    about = descriptions()

    def property_of(key: str) -> dict[str, Any]:
        words = about[key].replace(",", " ").split()
        kind = words[0].rstrip(".:")
        made: dict[str, Any] = {"type": _TYPES.get(kind, "string"), "description": about[key]}
        if kind == "string[]":
            made |= {"type": "array", "items": {"type": "string"}}
        return {**made, "enum": list(_VALUES[key])} if key in _VALUES else made

    def attributes(kind: str, keys: tuple[str, ...]) -> dict[str, Any]:
        return {
            "if": {"properties": {semconv.SPAN_KIND: {"const": kind}}, "required": [semconv.SPAN_KIND]},
            "then": {
                "properties": {key: property_of(key) for key in keys},
                "required": [semconv.CONVERSATION_ID, *_NEEDED.get(kind, ())],
            },
        }

    message = {
        "properties": {
            key: property_of(key) for key in (semconv.MESSAGE_SENDER, semconv.MESSAGE_CONTENT, semconv.MESSAGE_METADATA)
        },
        "required": [semconv.MESSAGE_SENDER, semconv.MESSAGE_CONTENT],
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A span of a conversation",
        "description": "Any other attribute may be there too. Written by python -m docs.wire_format.",
        "type": "object",
        "required": ["name", "attributes"],
        "properties": {
            "name": {"type": "string"},
            "resource": {
                "type": "object",
                "description": "Of what sends the span.",
                "properties": {
                    "attributes": {"type": "object", "properties": {key: property_of(key) for key in _RESOURCE}}
                },
            },
            "attributes": {
                "type": "object",
                "properties": {
                    semconv.SPAN_KIND: {"enum": list(semconv.SPAN_KINDS), "description": about[semconv.SPAN_KIND]},
                    **{key: property_of(key) for key in _ANY_SPAN},
                },
                "allOf": [attributes(kind, keys) for kind, keys in _OF_KIND.items()],
            },
            "events": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "if": {"properties": {"name": {"const": semconv.EVENT_MESSAGE}}},
                    "then": {"properties": {"attributes": message}, "required": ["attributes"]},
                },
            },
        },
    }


def text() -> str:
    """The file's text."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
