"""claude.ai's export of one's data: ``chat_messages`` with a sender, a text and the same in content blocks."""

from typing import Any

from agentsight_otel.replay import chat, fields
from agentsight_otel.replay.fields import Notes, document, listed
from agentsight_otel.replay.transcripts import Transcript

_TIMES = ("created_at", "updated_at")


def recognises(value: Any) -> bool:
    """Whether a value has chat_messages."""
    return isinstance(value, dict) and isinstance(value.get("chat_messages"), list)


def transcript(value: Any, notes: Notes) -> Transcript:
    """Reads one conversation."""
    messages = []
    for index, entry in enumerate(listed(document(value, "entry").get("chat_messages"), "chat_messages")):
        message = document(entry, f"chat_messages[{index}]")
        files = [*(message.get("attachments") or ()), *(message.get("files") or ())]
        messages.append(
            {
                "role": message.get("sender"),
                "content": message.get("content") or message.get("text"),
                "created_at": next((message[name] for name in _TIMES if message.get(name)), None),
                "attachments": [_file(file) for file in files if isinstance(file, dict)],
            }
        )
    described = {key: value[key] for key in value.keys() & fields.KNOWN}
    return chat.transcript({**described, "chat_messages": messages}, notes, messages_key="chat_messages")


def _file(value: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value[name]
        for key, name in (("filename", "file_name"), ("mediaType", "file_type"))
        if isinstance(value.get(name), str)
    }
