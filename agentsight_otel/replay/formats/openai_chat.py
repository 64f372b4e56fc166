"""OpenAI chat messages: ``tool_calls``, the older ``function_call``, ``refusal``, content in parts."""

from typing import Any

from agentsight_otel.replay.content import Handler, file, silent_part, text_part
from agentsight_otel.replay.fields import document, listed, optional_text, shown
from agentsight_otel.replay.transcripts import ToolCall

PARTS: dict[str, Handler] = {
    "text": text_part("text"),
    "refusal": text_part("refusal"),
    "image_url": file("image"),
    "image_file": file("image"),
    "input_audio": file("audio"),
    "audio": file("audio"),
    "video_url": file("video"),
    "file": file("file"),
    "thinking": silent_part,
}


def tool_calls(value: dict[str, Any], where: str) -> list[ToolCall]:
    """The tool calls of a message, from ``tool_calls`` and the older ``function_call``."""
    calls = [
        _tool_call(call, f"{where}.tool_calls[{index}]")
        for index, call in enumerate(listed(value.get("tool_calls"), f"{where}.tool_calls"))
    ]
    if (legacy := value.get("function_call")) is not None:
        calls.append(_tool_call(legacy, f"{where}.function_call"))
    return calls


def _tool_call(value: Any, where: str) -> ToolCall:
    call = document(value, where)
    called = next((call[key] for key in ("function", "custom") if isinstance(call.get(key), dict)), call)
    name = called.get("name")
    if not isinstance(name, str) or not name:
        raise ValueError(f"{where}.name: {shown(name)}: expected the name of a tool")
    arguments = next((called[key] for key in ("arguments", "args", "input") if called.get(key) is not None), None)
    return ToolCall(id=optional_text(call.get("id") or "", f"{where}.id"), name=name, arguments=arguments)
