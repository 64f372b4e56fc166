"""Chat messages a line, each with the id of its conversation."""

from collections.abc import Sequence
from typing import Any

from agentsight_otel.replay import chat, fields
from agentsight_otel.replay.exchanges import parsed
from agentsight_otel.replay.fields import Notes, document, shown
from agentsight_otel.replay.formats.base import Entry, of_entry
from agentsight_otel.replay.transcripts import Message, Transcript

_IDS = tuple(name for name in fields.CONVERSATION_IDS if name not in ("id", "_id", "uuid"))


def _message(value: dict[str, Any]) -> dict[str, Any]:
    """The message itself: the row, or what stands in its column message, as LangChain stores it."""
    inner = parsed(value.get("message"))
    return {"created_at": value.get("created_at"), **inner} if isinstance(inner, dict) else value


def recognises(value: Any) -> bool:
    """Whether a value is a message with a role and a content, and names its conversation."""
    if not isinstance(value, dict) or "messages" in value or not any(value.get(name) for name in _IDS):
        return False
    message = _message(value)
    return ("role" in message and bool(message.keys() & {"content", "tool_calls", "parts"})) or (
        message is not value and message.get("type") in chat.ROLES
    )


def conversation_of(value: Any) -> str:
    """The id of the conversation that a message belongs to."""
    conversation = fields.conversation_id(document(value, "row"), _IDS)
    if not conversation:
        raise ValueError(f"conversation_id: {shown(value.get('conversation_id'))}: expected a non-empty text")
    return conversation


def transcript(conversation: str, entries: Sequence[Entry], notes: Notes) -> Transcript:
    """Builds a conversation from its messages."""
    messages: list[Message] = []
    described: dict[str, str] = {}
    for entry in entries:
        with of_entry(entry):
            row = document(entry.value, "row")
            beside = {name: text for name, text in fields.description(row).items() if name != "name"}
            described = {**beside, **described}
            message = {key: each for key, each in _message(row).items() if key not in fields.KNOWN - _OF_MESSAGE}
            messages += chat.message(message, "message", notes)
    if all(message.at_ns is not None for message in messages):
        messages.sort(key=lambda message: message.at_ns or 0)
    return Transcript(conversation, tuple(messages), described)


_OF_MESSAGE = frozenset({*fields.TIMES, "id", "metadata", "name"})
