"""OpenAI's Assistants: threads with their messages and run steps, or lists of messages."""

from collections.abc import Sequence
from typing import Any

from agentsight_otel.replay import chat, fields
from agentsight_otel.replay.content import jsonish
from agentsight_otel.replay.fields import Notes, listed, optional_text, shown
from agentsight_otel.replay.formats.base import Entry, of_entry
from agentsight_otel.replay.transcripts import Message, ToolCall, Transcript

_OBJECTS = ("thread", "thread.message", "thread.run.step", "thread.run")


def recognises(value: Any) -> bool:
    """Whether a value is a thread, a message or run step of one, or an object with such messages."""
    if not isinstance(value, dict):
        return False
    if value.get("object") in _OBJECTS:
        return True
    messages = _list(value.get("messages"))
    return any(isinstance(message, dict) and message.get("object") == "thread.message" for message in messages)


def _list(value: Any) -> list[Any]:
    """A list, directly or as ``{"data": […]}``, in which the API wraps it."""
    if isinstance(value, dict) and isinstance(value.get("data"), list):
        value = value["data"]
    return value if isinstance(value, list) else []


def thread_of(value: Any) -> str:
    """The id of the thread that a value belongs to."""
    thread = value.get("thread_id") or (value.get("id") if value.get("object") in (None, "thread") else None)
    if not isinstance(thread, str) or not thread:
        thread = fields.conversation_id(value)
    if not thread:
        inner = next((message.get("thread_id") for message in _list(value.get("messages"))), None)
        thread = inner if isinstance(inner, str) else ""
    if not thread:
        raise ValueError(f"thread_id: {shown(value.get('thread_id'))}: expected the id of a thread")
    return thread


def transcript(thread: str, entries: Sequence[Entry], notes: Notes) -> Transcript:
    """Builds a conversation from all entries of its thread; the API lists the latest first."""
    messages: list[Message] = []
    description: dict[str, str] = {}
    metadata: dict[str, Any] = {}
    at_ns = None
    for entry in entries:
        with of_entry(entry):
            value = entry.value
            if value.get("object") in ("thread.message", "thread.run.step", "thread.run"):
                messages += _one(value, "entry", notes)
                continue
            at_ns = fields.time_of(value)
            metadata |= fields.metadata(value.get("metadata")) or {}
            description |= fields.description({**metadata, **value})
            for key in ("messages", "run_steps", "steps", "runs"):
                for index, entry_of_list in enumerate(_list(value.get(key))):
                    messages += _one(fields.document(entry_of_list, f"{key}[{index}]"), f"{key}[{index}]", notes)
    if all(message.at_ns is not None for message in messages):
        messages.sort(key=lambda message: (message.at_ns or 0, message.role == "assistant" and bool(message.text)))
    return Transcript(thread, tuple(messages), description, metadata or None, at_ns=at_ns)


def _one(value: dict[str, Any], where: str, notes: Notes) -> list[Message]:
    if value.get("object") == "thread.run":
        steps = value.get("steps") or value.get("run_steps")
        return [message for step in _list(steps) for message in _step(step, f"{where}.steps")]
    if value.get("object") == "thread.run.step" or "step_details" in value:
        return _step(value, where)
    kept = {
        key: value[key]
        for key in ("role", "content", "created_at", "metadata", "status")
        if value.get(key) not in (None, {}) and not (key == "status" and value[key] == "completed")
    }
    read = list(chat.message(kept, where, notes))
    files = tuple(
        {"name": str(attached["file_id"]), "type": "file"}
        for attached in listed(value.get("attachments"), f"{where}.attachments")
        if isinstance(attached, dict) and attached.get("file_id")
    )
    return read + ([Message(read[-1].role, "", at_ns=read[-1].at_ns, files=files)] if files and read else [])


def _step(value: dict[str, Any], where: str) -> list[Message]:
    details = fields.document(value.get("step_details"), f"{where}.step_details")
    if details.get("type") != "tool_calls":
        return []  # the step of writing a message, which is listed itself
    at_ns = fields.time_of(value, f"{where}.")
    done_ns = fields.time_of(value, f"{where}.", ("completed_at", "failed_at", "cancelled_at"))
    error = value.get("last_error")
    calls = []
    for index, entry in enumerate(listed(details.get("tool_calls"), f"{where}.step_details.tool_calls")):
        place = f"{where}.step_details.tool_calls[{index}]"
        call = fields.document(entry, place)
        kind = call.get("type")
        details_of_it = call.get(kind) if isinstance(kind, str) else None
        inner: dict[str, Any] = details_of_it if isinstance(details_of_it, dict) else {}
        name = inner.get("name") or kind
        calls.append(
            ToolCall(
                optional_text(call.get("id") or "", f"{place}.id"),
                fields.text(name, f"{place}.type"),
                inner.get("arguments", inner.get("input")),
                at_ns=at_ns,
                duration_ns=None if at_ns is None or done_ns is None else max(done_ns - at_ns, 0),
                done=True,
                result=inner.get("output", inner.get("outputs", inner.get("results"))),
                error=jsonish(error.get("message", error)) if isinstance(error, dict) else None,
            )
        )
    return [Message("assistant", "", tuple(calls), at_ns=at_ns)]
