"""Conversations from traces: the input and output of each run of an agent is one exchange."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentsight_otel.replay import chat, fields
from agentsight_otel.replay.content import jsonish
from agentsight_otel.replay.fields import Notes
from agentsight_otel.replay.transcripts import Feedback, Message, ToolCall, Transcript

_INPUTS = ("question", "query", "input", "prompt", "text", "message", "user_input", "content", "args", "value")
_OUTPUTS = (
    "answer",
    "output",
    "response",
    "text",
    "result",
    "content",
    "message",
    "completion",
    "generations",
    "value",
)
_MESSAGES = ("messages", "chat_history", "input", "output")


@dataclass
class Exchange:
    """One run of an agent.

    Attributes:
        input: The run's input, as it was traced.
        output: The run's output, as it was traced.
        at_ns: When it began, ns since 1970; None where that is not known.
        done_ns: When it ended, ns since 1970; None where that is not known.
        error: Why it failed; None where it did not.
        calls: The run's tool calls.
        description: Fields of the conversation, by name.
        metadata: Metadata of the conversation.
        feedback: Ratings of the run.
    """

    input: Any
    output: Any
    at_ns: int | None
    done_ns: int | None
    error: str | None = None
    calls: list[ToolCall] = field(default_factory=list)
    description: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, Any] | None = None
    feedback: list[Feedback] = field(default_factory=list)


def transcript(conversation: str, exchanges: Sequence[Exchange], notes: Notes) -> Transcript:
    """The transcript of a conversation from its exchanges, in the order of time."""
    messages: list[Message] = []
    described: dict[str, str] = {}
    metadata: dict[str, Any] = {}
    feedback: list[Feedback] = []
    for exchange in sorted(exchanges, key=lambda exchange: exchange.at_ns or 0):
        question = last_said(exchange.input, "user", _INPUTS, notes)
        if question:
            messages.append(Message("user", question, at_ns=exchange.at_ns))
        if exchange.calls:
            calls = tuple(sorted(exchange.calls, key=lambda call: call.at_ns or 0))
            messages.append(Message("assistant", "", calls, at_ns=calls[0].at_ns or exchange.at_ns))
        answer = "" if exchange.error else last_said(exchange.output, "assistant", _OUTPUTS, notes)
        if answer:
            worked = [call.at_ns + (call.duration_ns or 0) for call in exchange.calls if call.at_ns is not None]
            done_ns = exchange.done_ns or max(worked, default=exchange.at_ns)
            messages.append(Message("assistant", answer, at_ns=done_ns))
        if not question and not answer and not exchange.calls:
            notes.say("traces without a text in their input and output were found; they hold no messages")
        described = {**exchange.description, **described}
        metadata = {**(exchange.metadata or {}), **metadata}
        feedback += exchange.feedback
    return Transcript(conversation, tuple(messages), described, metadata or None, tuple(feedback))


def last_said(value: Any, role: str, keys: Sequence[str], notes: Notes) -> str:
    """The text of an input or output: the text itself, the last message of the role, or the text under a usual key."""
    value = parsed(value)
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        if value and all(isinstance(entry, list) for entry in value):
            return last_said(value[-1], role, keys, notes)  # a batch of one
        if (
            value
            and all(isinstance(entry, dict) for entry in value)
            and any("role" in entry or entry.get("type") in chat.ROLES or "parts" in entry for entry in value)
        ):
            messages = list(chat.read_messages([_role(entry, role) for entry in value], "messages", notes))
            return next((message.text for message in reversed(messages) if message.role == role and message.text), "")
        return last_said(value[-1], role, keys, notes) if len(value) == 1 else ""
    if not isinstance(value, Mapping):
        return "" if value is None else jsonish(value)
    if value.get("role") or value.get("type") in chat.ROLES or isinstance(value.get("choices"), list):
        if isinstance(value.get("choices"), list) and value["choices"]:
            value = value["choices"][0].get("message", {})
        return next(
            (message.text for message in chat.message(_role(dict(value), role), "message", notes) if message.text), ""
        )
    for key in _MESSAGES:
        if isinstance(value.get(key), list) and (text := last_said(value[key], role, keys, notes)):
            return text
    for key in keys:
        if value.get(key) is not None and (text := last_said(value[key], role, keys, notes)):
            return text
    if isinstance(value.get("kwargs"), dict) and (text := last_said(value["kwargs"], role, keys, notes)):
        return text
    texts = [entry for entry in value.values() if isinstance(entry, str) and entry]
    return texts[0] if len(texts) == 1 else ""


def _role(entry: dict[str, Any], role: str) -> dict[str, Any]:
    if isinstance(entry.get("kwargs"), dict) and isinstance(entry.get("id"), list):  # LangChain's "lc" objects
        kind = str(entry["id"][-1]).lower()
        name = next((part for part in ("human", "ai", "tool") if part in kind), "system")
        return {"role": name, "content": entry["kwargs"].get("content")}
    kept: dict[str, Any] = {
        key: entry[key] for key in ("role", "type", "content", "parts", "data", "tool_calls") if key in entry
    }
    return kept if "role" in kept or "type" in kept else {**kept, "role": role}


def parsed(value: Any) -> Any:
    """A value, where it is the text of a JSON object or array, as tables have it; any other value as it is."""
    if isinstance(value, float) and fields.blank(value):
        return None
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def call(
    name: Any, where: str, input: Any, output: Any, at_ns: int | None, done_ns: int | None, error: Any
) -> ToolCall:
    """A tool call from its span in a trace."""
    duration = None if at_ns is None or done_ns is None else max(done_ns - at_ns, 0)
    return ToolCall(
        "",
        fields.text(name, f"{where}.name"),
        input,
        at_ns,
        duration,
        done=True,
        result=output,
        error=jsonish(error) or "error" if error else None,
    )
