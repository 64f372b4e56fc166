"""The tracker's reports: which items were sent, and which wait."""

import dataclasses
import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from opentelemetry.trace import format_trace_id

from agentsight_otel._tracing import runtime
from agentsight_otel.compat.tracking.backlog import Item

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_PLURALS = {
    "question": "questions",
    "answer": "answers",
    "attachments": "attachments",
    "action": "actions",
    "button": "buttons",
}
_USAGE = "token_usage"
_FREE_DATA = ("metadata", "tools_used")
_INTERNAL = ("start_ns", "end_ns", "with_message")
_FILE_KEYS = {"name": "filename", "type": "mime_type", "size": "size_bytes", "url": "file_url"}
_PREVIEW_CHARACTERS = 100
_PREVIEW_FILES = 3


def sent(items: Sequence[Item]) -> dict[str, Any]:
    """The return value of ``send_tracked_data``: all token usage is one action, as in AgentSight 0.0."""
    items = _with_one_usage(_folded(items))
    counted = Counter(_called(item) for item in items)
    return {
        "items": [
            {
                "index": index,
                "type": _called(item),
                "timestamp": _iso(item.tracked_ns),
                "response": {"conversation_id": item.conversation.id or None, "trace_id": _trace_id(item)},
                "success": True,
            }
            for index, item in enumerate(items)
        ],
        "summary": {**{plural: counted[kind] for kind, plural in _PLURALS.items()}, "errors": 0},
    }


def waiting(items: Sequence[Item], conversation_id: str | None) -> dict[str, Any]:
    """The return value of ``get_tracked_data_summary``, without token usage, which ``get_token_usage`` returns."""
    items = [item for item in _folded(items) if item.type != _USAGE]
    counted = Counter(item.type for item in items)
    described = []
    for index, item in enumerate(items):
        data = {key: _shown(key, value) for key, value in item.data.items()}
        described.append(
            {
                "type": item.type,
                "timestamp": _iso(item.tracked_ns),
                "data": {
                    "conversation_id": item.conversation.id or None,
                    **{key: value for key, value in data.items() if key not in _INTERNAL},
                },
                "index": index,
                "preview": _preview(item.type, data),
            }
        )
    return {
        "items": described,
        "summary": {
            "conversation": counted["conversation"],
            **{plural: counted[kind] for kind, plural in _PLURALS.items()},
            "total": len(items),
        },
        "conversation_id": conversation_id,
    }


def _folded(items: Sequence[Item]) -> list[Item]:
    """The items with the files that came with a message inside it, as AgentSight 0.0 has them."""
    folded: list[Item] = []
    for item in items:
        if not item.data.get("with_message"):
            folded.append(item)
            continue
        for index, message in reversed(list(enumerate(folded))):
            if message.at_ns == item.at_ns and message.conversation.id == item.conversation.id:
                files = {"attachments": item.data["attachments"], "attachment_mode": item.data["mode"]}
                folded[index] = dataclasses.replace(message, data={**message.data, **files})
                break
    return folded


def _shown(key: str, value: Any) -> Any:
    if key == "attachments":
        return [{_FILE_KEYS.get(name, name): member for name, member in file.items()} for file in value]
    return _free(value) if key in _FREE_DATA else value


def _called(item: Item) -> str:
    return "action" if item.type == _USAGE else item.type


def _with_one_usage(items: Sequence[Item]) -> list[Item]:
    """The items with only the last token usage, placed before the last other item."""
    usages = [item for item in items if item.type == _USAGE]
    others = [item for item in items if item.type != _USAGE]
    return [*others[:-1], *usages[-1:], *others[-1:]]


def _preview(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    if kind in ("question", "answer"):
        content = data["content"]
        return {
            "content_preview": content[:_PREVIEW_CHARACTERS] + ("..." if len(content) > _PREVIEW_CHARACTERS else ""),
            "sender": data["sender"],
            "has_metadata": bool(data["metadata"]),
        }
    if kind == "action":
        return {
            "action_name": data["action_name"],
            "duration_ms": data.get("duration_ms"),
            "has_error": "error_msg" in data,
            "has_response": "response" in data,
        }
    if kind == "button":
        return {"label": data["label"], "value": data["value"], "event": data["button_event"]}
    if kind == "attachments":
        names = [file.get("filename", "unknown") for file in data["attachments"]]
        more = [f"... and {len(names) - _PREVIEW_FILES} more"] if len(names) > _PREVIEW_FILES else []
        return {
            "count": len(names),
            "mode": data["mode"],
            "sender": data["sender"],
            "files": names[:_PREVIEW_FILES] + more,
        }
    if kind == "conversation":
        return {key: data[key] for key in ("conversation_id", "customer_id", "name", "environment")}
    return dict(data)


def _free(text: str) -> Any:
    if not text:
        return {}
    try:
        return json.loads(text)
    except ValueError:  # a plain text
        return text


def _trace_id(item: Item) -> str | None:
    trace_id = item.conversation.trace_id
    per_turn = runtime.current().settings.trace_per == "turn"  # a conversation then has no single trace
    return None if trace_id is None or per_turn else format_trace_id(trace_id)


def _iso(time_ns: int) -> str:
    return (_EPOCH + timedelta(microseconds=time_ns // 1_000)).isoformat()
