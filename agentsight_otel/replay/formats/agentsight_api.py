"""Responses of AgentSight's own API: conversations with messages by sender, action logs, buttons and feedbacks."""

from typing import Any

from agentsight_otel.replay import chat, fields
from agentsight_otel.replay.fields import Notes, document, listed, optional_text, shown
from agentsight_otel.replay.transcripts import Button, Message, ToolCall, Transcript

_SENDERS = {
    **dict.fromkeys(("end_user", "user", "human", "customer"), "user"),
    **dict.fromkeys(("agent", "assistant", "bot", "ai"), "assistant"),
    "system": "system",
}
_KNOWN = frozenset(
    {
        *fields.KNOWN,
        *("messages", "feedbacks", "is_marked", "is_deleted", "is_used", "ended_at", "deleted_at", "updated_at"),
        *("geo_location", "customer_ip_address", "tickets", "agent", "actions", "attachments", "buttons"),
    }
)


def recognises(value: Any) -> bool:
    """Whether a value is a conversation whose messages have senders."""
    if not isinstance(value, dict) or not isinstance(value.get("messages"), list):
        return False
    if "feedbacks" in value and "messages" in value and not value["messages"]:
        return True
    return any(
        isinstance(message, dict)
        and "sender" in message
        and ("action_logs" in message or "content" in message)
        and "role" not in message
        for message in value["messages"]
    )


def transcript(value: Any, notes: Notes) -> Transcript:
    """Reads one conversation."""
    conversation_id = fields.conversation_id(value)
    messages: list[Message] = []
    for index, entry in enumerate(listed(value.get("messages"), "messages")):
        messages += _message(document(entry, f"messages[{index}]"), f"messages[{index}]")
    if messages and all(message.at_ns is not None for message in messages):
        messages.sort(key=lambda message: message.at_ns or 0)
    place = value.get("geo_location")
    notes.ignored("", value.keys() - _KNOWN)
    description = {
        name: text for name, text in fields.description(value).items() if name == "name" or text != "unknown"
    }
    if isinstance(place, dict) and place.get("country") and "country" not in description:
        description["country"] = fields.text(place["country"], "geo_location.country")
    return Transcript(
        conversation_id or fields.made_id(messages),
        tuple(messages),
        description,
        fields.metadata(value.get("metadata") or None),
        chat.feedback(value.get("feedbacks") or None),
        fields.time_of(value, names=("started_at", "created_at", "timestamp")),
        id_made=not conversation_id,
    )


def _message(value: dict[str, Any], where: str) -> list[Message]:
    at_ns = fields.time_of(value, f"{where}.")
    sender = value.get("sender")
    role = _SENDERS.get(str(sender))
    if role is None:
        raise ValueError(f"{where}.sender: {shown(sender)}: expected one of {', '.join(_SENDERS)}")
    free = fields.metadata(value.get("metadata") or None, f"{where}.metadata")
    messages: list[Message] = []
    if pressed := value.get("button"):
        button = document(pressed, f"{where}.button")
        texts = [optional_text(button.get(key), f"{where}.button.{key}") for key in ("button_event", "label", "value")]
        messages.append(Message("user", "", at_ns=at_ns, button=Button(*texts)))
    text = optional_text(value.get("content"), f"{where}.content")
    files = tuple(
        _file(document(attached, f"{where}.attachments[{index}]"))
        for index, attached in enumerate(listed(value.get("attachments"), f"{where}.attachments"))
    )
    calls = tuple(
        _call(document(log, f"{where}.action_logs[{index}]"), f"{where}.action_logs[{index}]", value)
        for index, log in enumerate(listed(value.get("action_logs"), f"{where}.action_logs"))
    )
    if not calls and value.get("action_name"):
        calls = (ToolCall("", fields.text(value["action_name"], f"{where}.action_name"), None, at_ns, done=True),)
    if calls:
        messages.append(Message("assistant", "", calls, at_ns=at_ns))
    if text or files:
        messages.append(Message(role, text, at_ns=at_ns, metadata=free, files=files))
    return messages


def _file(attachment: dict[str, Any]) -> dict[str, Any]:
    named = {"name": ("name", "filename"), "type": ("type", "mime_type"), "size": ("size", "size_bytes")}
    return {
        key: next(attachment[name] for name in names if attachment.get(name) is not None)
        for key, names in named.items()
        if any(attachment.get(name) is not None for name in names)
    }


def _call(log: dict[str, Any], where: str, message: dict[str, Any]) -> ToolCall:
    at_ns = fields.time_of(log, f"{where}.", ("started_at", "created_at", "timestamp"))
    done_ns = fields.time_of(log, f"{where}.", ("ended_at",))
    duration_ms = log.get("duration_ms")
    if isinstance(duration_ms, (int, float)):
        duration_ns = round(duration_ms * 1e6)
    else:
        duration_ns = max(done_ns - at_ns, 0) if at_ns is not None and done_ns is not None else 0
    error = log.get("error_message") or log.get("error_msg")
    return ToolCall(
        "",
        fields.text(log.get("action_name") or message.get("action_name"), f"{where}.action_name"),
        log.get("tools_used") or None,
        at_ns if at_ns is not None else fields.time_of(message, f"{where}."),
        duration_ns,
        done=True,
        result=log.get("response") or None,
        error=fields.text(error, f"{where}.error_message") if error else None,
    )
