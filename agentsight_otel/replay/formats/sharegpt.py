"""ShareGPT: ``conversations`` of ``from`` and ``value``."""

import json
from typing import Any

from agentsight_otel.replay import chat, fields
from agentsight_otel.replay.fields import Notes, listed, shown
from agentsight_otel.replay.transcripts import Message, ToolCall, Transcript

_ROLES = {
    **dict.fromkeys(("human", "user"), "user"),
    **dict.fromkeys(("gpt", "assistant", "chatgpt", "bing", "bard", "model", "ai", "bot"), "assistant"),
    **dict.fromkeys(("tool", "observation", "function_response", "tool_response"), "tool"),
    **dict.fromkeys(("function_call", "tool_call"), "calls"),
    "system": "system",
}


_KEYS = ("conversations", "conversation", "items")


def _turns(value: Any) -> Any:
    if not isinstance(value, dict):
        return None
    return next((value[name] for name in _KEYS if name in value), None)


def recognises(value: Any) -> bool:
    """Whether a value has turns with from and value."""
    turns = _turns(value)
    return (
        isinstance(turns, list)
        and bool(turns)
        and isinstance(turns[0], dict)
        and ("from" in turns[0] or _is_chat(turns))
    )


def _is_chat(turns: list[Any]) -> bool:
    """Whether turns are messages with role and content, as some give them under ShareGPT's key."""
    return all(isinstance(turn, dict) and "role" in turn and "content" in turn for turn in turns)


def transcript(value: Any, notes: Notes) -> Transcript:
    """Reads one conversation."""
    turns = listed(_turns(value), "conversations")
    if turns and _is_chat(turns):
        key = next(name for name in _KEYS if name in value)
        return chat.transcript(value, notes, messages_key=key)
    messages = []
    for index, entry in enumerate(turns):
        where = f"conversations[{index}]"
        turn = fields.document(entry, where)
        role = _ROLES.get(str(turn.get("from")).strip().lower())
        if role is None:
            raise ValueError(f"{where}.from: {shown(turn.get('from'))}: expected one of {', '.join(_ROLES)}")
        notes.ignored("conversations[].", turn.keys() - {"from", "value", *fields.TIMES})
        text = fields.optional_text(turn.get("value"), f"{where}.value")
        at_ns = fields.time_of(turn, f"{where}.")
        if role == "calls":
            messages.append(Message("assistant", "", _calls(text, f"{where}.value"), at_ns=at_ns))
        else:
            messages.append(Message(role, text, at_ns=at_ns))
    conversation_id = fields.conversation_id(value)
    notes.ignored("", value.keys() - fields.KNOWN - {"conversations", "conversation", "items", "system", "tools"})
    return Transcript(
        conversation_id or fields.made_id(messages),
        tuple(messages),
        fields.description(value),
        fields.metadata(value.get("metadata")),
        chat.feedback(value.get("feedback")),
        fields.time_of(value),
        id_made=not conversation_id,
    )


def _calls(text: str, where: str) -> tuple[ToolCall, ...]:
    try:
        parsed = json.loads(text)
    except ValueError:
        raise ValueError(f"{where}: {shown(text)}: expected a tool's name and arguments as JSON") from None
    calls = []
    for call in parsed if isinstance(parsed, list) else [parsed]:
        name = call.get("name") if isinstance(call, dict) else None
        if not isinstance(name, str) or not name:
            raise ValueError(f"{where}: {shown(call)}: expected a tool's name and arguments as JSON")
        calls.append(ToolCall(str(call.get("id") or ""), name, call.get("arguments", call.get("parameters"))))
    return tuple(calls)
