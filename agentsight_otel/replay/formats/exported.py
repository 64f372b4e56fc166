"""Files of ``agentsight-otel export``: whole conversations, rows of messages or tool calls, or spans."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from agentsight_otel.replay import chat, fields
from agentsight_otel.replay.fields import Notes, document, listed, optional_text, shown
from agentsight_otel.replay.formats.base import Entry, of_entry
from agentsight_otel.replay.transcripts import Button, Lifetime, Message, ToolCall, Transcript

_DESCRIPTIONS = ("customer_id", "device", "source", "language", "country", "ip", "name", "environment")
_SPAN_KEYS = {"TraceId", "SpanId", "SpanName", "SpanAttributes"}
_ROLES = {"end_user": "user", "agent": "assistant"}


def is_span(value: Any) -> bool:
    """Whether a value is a row of ``otel_traces``."""
    return isinstance(value, dict) and value.keys() >= _SPAN_KEYS


def recognises(value: Any) -> bool:
    """Whether a value is an exported conversation."""
    return isinstance(value, dict) and "last_activity_at" in value and "messages" in value


def transcript(value: Any, notes: Notes) -> Transcript:
    """Reads one exported conversation."""
    parsed = {key: _parsed(value[key]) if key in ("messages", "feedback", "metadata") else value[key] for key in value}
    conversation_id = fields.conversation_id(parsed, ("conversation_id",))
    if not conversation_id:
        raise ValueError(f"conversation_id: {shown(value.get('conversation_id'))}: expected a non-empty text")
    times = {name: fields.time_ns(parsed.get(name) or None, name) for name in _TIMES}
    messages = tuple(
        _message(document(entry, f"messages[{index}]"), f"messages[{index}]", notes)
        for index, entry in enumerate(listed(parsed.get("messages") or None, "messages"))
    )
    return Transcript(
        conversation_id=conversation_id,
        messages=messages,
        description={
            name: str(parsed[name])
            for name in _DESCRIPTIONS
            if parsed.get(name) not in (None, "") and not (name != "name" and parsed[name] == "unknown")
        },
        metadata=fields.metadata(parsed.get("metadata") or None),
        feedback=chat.feedback(parsed.get("feedback") or None),
        at_ns=next((at for at in (times["opened_at"], times["started_at"]) if at is not None), None),
        ended=times["explicit_end_at"] is not None,
        service=optional_text(parsed.get("service"), "service") or None,
        lifetime=Lifetime(
            opened_ns=times["opened_at"],
            started_ns=times["started_at"],
            active_until_ns=times["last_activity_at"],
            ended_ns=times["explicit_end_at"],
            marked=_truth(parsed.get("marked")),
            deleted=_truth(parsed.get("deleted")),
        ),
    )


_TIMES = ("opened_at", "started_at", "last_activity_at", "explicit_end_at")


def _truth(value: Any) -> bool | None:
    return None if value in (None, "") else str(value).lower() in ("true", "1")


def _parsed(value: Any) -> Any:
    """A nested value, which in CSV and Parquet is the text of JSON."""
    if isinstance(value, str) and value:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _message(value: dict[str, Any], where: str, notes: Notes) -> Message:
    at_ns = fields.time_ns(value.get("created_at"), f"{where}.created_at")
    if (pressed := value.get("button")) is not None:
        button = document(pressed, f"{where}.button")
        texts = [optional_text(button.get(key), f"{where}.button.{key}") for key in ("event", "label", "value")]
        return Message("user", "", at_ns=at_ns, metadata=value.get("metadata") or None, button=Button(*texts))
    role = fields.text(value.get("role"), f"{where}.role")
    if role not in ("user", "assistant"):
        raise ValueError(f"{where}.role: {shown(role)}: expected user or assistant")
    free = fields.metadata(value.get("metadata") or None, f"{where}.metadata")
    calls = tuple(
        replace(
            tool_call(document(call, f"{where}.tool_calls[{index}]"), f"{where}.tool_calls[{index}]"), metadata=free
        )
        for index, call in enumerate(listed(value.get("tool_calls"), f"{where}.tool_calls"))
    )
    return Message(
        role,
        optional_text(value.get("content"), f"{where}.content"),
        calls,
        at_ns=at_ns,
        metadata=free,
        files=tuple(listed(value.get("attachments"), f"{where}.attachments")),
    )


def tool_call(value: dict[str, Any], where: str) -> ToolCall:
    """Reads a tool call with its times, result and error."""
    duration = value.get("duration_ms")
    if duration is None and value.get("duration_s") not in (None, ""):
        duration = float(value["duration_s"]) * 1_000
    failed = str(value.get("error", "")).lower() in ("true", "1")
    return ToolCall(
        id=optional_text(value.get("id") or value.get("call_id"), f"{where}.id"),
        name=fields.text(value.get("name") or value.get("tool"), f"{where}.name"),
        arguments=value.get("arguments") or None,
        at_ns=fields.time_of(value, f"{where}."),
        duration_ns=None if duration is None else round(float(duration) * 1e6),
        done=True,
        result=value.get("result") or None,
        error=optional_text(value.get("error_message"), f"{where}.error_message") if failed else None,
        error_type=optional_text(value.get("error_type"), f"{where}.error_type"),
    )


def recognises_row(value: Any) -> bool:
    """Whether a value is an exported row of a message or a tool call."""
    return (
        isinstance(value, dict)
        and value.keys() >= {"conversation_id", "timestamp"}
        and (value.keys() >= {"sender", "content"} or value.keys() >= {"tool", "duration_s"})
    )


def conversation_of_row(value: Any) -> str:
    """The id of the conversation that a row belongs to."""
    conversation_id = fields.conversation_id(value, ("conversation_id",))
    if not conversation_id:
        raise ValueError(f"conversation_id: {shown(value.get('conversation_id'))}: expected a non-empty text")
    return conversation_id


def transcript_of_rows(conversation: str, entries: Sequence[Entry], notes: Notes) -> Transcript:
    """Builds a conversation from the rows of its messages and tool calls."""
    messages: list[Message] = []
    for entry in entries:
        with of_entry(entry):
            messages.append(_row(entry.value))
    messages.sort(key=lambda message: message.at_ns or 0)
    return Transcript(conversation, tuple(messages))


def _row(value: dict[str, Any]) -> Message:
    at_ns = fields.time_ns(value["timestamp"], "timestamp")
    if "tool" in value:
        return Message("assistant", "", (tool_call(value, "tool_call"),), at_ns=at_ns)
    role = _ROLES.get(str(value["sender"]))
    if role is None:
        raise ValueError(f"sender: {shown(value['sender'])}: expected one of {', '.join(_ROLES)}")
    text = optional_text(value["content"], "content")
    return Message(role, text, at_ns=at_ns, metadata=fields.metadata(value.get("metadata") or None))


def spans_of(entries: Sequence[Entry]) -> Iterator[dict[str, Any]]:
    """The rows of ``otel_traces`` among the entries."""
    for entry in entries:
        yield entry.value
