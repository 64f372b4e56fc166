"""Rasa's trackers: the events of a sender, as one object or as rows of the SQL tracker store."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from agentsight_otel.replay import fields
from agentsight_otel.replay.fields import Notes, document, listed, optional_text, shown
from agentsight_otel.replay.formats.base import Entry, of_entry
from agentsight_otel.replay.transcripts import Message, ToolCall, Transcript

_OWN_ACTIONS = ("action_listen", "action_session_start", "action_restart", "action_back", "action_unlikely_intent")
_OWN_PREFIXES = (
    "utter_",
    "action_default_",
    "action_two_stage",
    "action_deactivate",
    "action_revert",
    "action_extract",
    "validate_",
)
_MULTIMEDIA = ("image", "attachment")
_SILENT = frozenset(
    {
        *("slot", "session_started", "session_ended", "restart", "reset_slots", "reminder", "cancel_reminder", "pause"),
        *("resume", "followup", "export", "undo", "rewind", "form", "active_loop", "loop_interrupted", "entities"),
        *("action_execution_rejected", "user_featurization", "form_validation", "routing_session_ended", "stack"),
        *("commands", "flow_started", "flow_completed", "flow_interrupted", "flow_resumed", "flow_cancelled", "story"),
    }
)
"""The events of the bot's own state."""


def recognises(value: Any) -> bool:
    """Whether a value is a tracker, or a row of one."""
    if not isinstance(value, dict) or "sender_id" not in value:
        return False
    events = value.get("events")
    return isinstance(events, list) or "type_name" in value or "event" in value


def sender_of(value: Any) -> str:
    """The sender, whose id is the conversation's id."""
    sender = fields.conversation_id(value, ("sender_id",))
    if not sender:
        raise ValueError(f"sender_id: {shown(value.get('sender_id'))}: expected a non-empty text")
    return sender


def transcript(sender: str, entries: Sequence[Entry], notes: Notes) -> Transcript:
    """Builds a conversation from its events."""
    messages: list[Message] = []
    described: dict[str, str] = {}
    for entry in entries:
        with of_entry(entry):
            for event, where in _events(entry.value):
                messages += _event(event, where, notes)
                channel = event.get("input_channel")
                if isinstance(channel, str) and channel:
                    described.setdefault("source", channel)
    return Transcript(sender, tuple(messages), described)


def _events(value: dict[str, Any]) -> Iterable[tuple[dict[str, Any], str]]:
    if isinstance(value.get("events"), list):
        for index, event in enumerate(listed(value["events"], "events")):
            yield document(event, f"events[{index}]"), f"events[{index}]"
        return
    data = value.get("data", value)
    if isinstance(data, str):
        try:
            data = json.loads(data)
        except ValueError:
            raise ValueError(f"data: {shown(data)}: expected an event as JSON") from None
    event = document(data, "data")
    yield {"timestamp": value.get("timestamp"), "event": value.get("type_name"), **event}, "data"


def _event(event: dict[str, Any], where: str, notes: Notes) -> list[Message]:
    kind = event.get("event")
    if not isinstance(kind, str):
        raise ValueError(f"{where}.event: {shown(kind)}: expected the name of an event")
    at_ns = fields.time_of(event, f"{where}.", ("timestamp",))
    if kind == "user":
        text = optional_text(event.get("text"), f"{where}.text")
        return [] if text.startswith("/session_start") else [Message("user", text, at_ns=at_ns)]
    if kind in ("bot", "agent"):
        event_data = event.get("data")
        data: dict[str, Any] = event_data if isinstance(event_data, dict) else {}
        files = tuple({"name": str(data[key]), "type": key} for key in _MULTIMEDIA if data.get(key))
        text = optional_text(event.get("text"), f"{where}.text") or _without_text(data)
        if not text and not files:
            notes.say("events of the bot without a text, a button's title or a file were found; they are left out")
            return []
        return [Message("assistant", text, at_ns=at_ns, files=files)]
    if kind == "action":
        name = optional_text(event.get("name") or event.get("action_text"), f"{where}.name")
        if name and name not in _OWN_ACTIONS and not name.startswith(_OWN_PREFIXES):
            return [Message("assistant", "", (ToolCall("", name, None, at_ns, 0, done=True),), at_ns=at_ns)]
    elif kind not in _SILENT:
        notes.ignored("events of the kind ", [kind])
    return []


def _without_text(data: dict[str, Any]) -> str:
    """What the user sees of a bot's message without a text: the titles of its buttons, or the text of its channel."""
    shown_to_user = [*_titles(data.get("buttons")), *_titles(data.get("quick_replies")), *_titles(data.get("elements"))]
    custom = data.get("custom")
    if not shown_to_user and isinstance(custom, dict):
        shown_to_user = [custom[key] for key in ("text", "title", "message") if isinstance(custom.get(key), str)][:1]
    return "\n".join(shown_to_user)


def _titles(values: Any) -> list[str]:
    listed_values = values if isinstance(values, list) else []
    return [
        value["title"] for value in listed_values if isinstance(value, dict) and isinstance(value.get("title"), str)
    ]
