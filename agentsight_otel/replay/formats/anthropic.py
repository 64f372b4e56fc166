"""Anthropic messages: content blocks, tool_use, tool_result."""

from typing import Any

from agentsight_otel.replay.content import Content, Handler, Result, file, jsonish, silent_part
from agentsight_otel.replay.fields import shown, text
from agentsight_otel.replay.transcripts import ToolCall


def _tool_use(part: dict[str, Any], where: str, content: Content) -> None:
    name = part.get("name")
    if not isinstance(name, str) or not name:
        raise ValueError(f"{where}.name: {shown(name)}: expected the name of a tool")
    content.calls.append(ToolCall(text(part.get("id") or "", f"{where}.id"), name, part.get("input")))


def _tool_result(part: dict[str, Any], where: str, content: Content) -> None:
    answers = text(part.get("tool_use_id") or "", f"{where}.tool_use_id")
    inner = part.get("content")
    failed = part.get("is_error") is True or (isinstance(inner, dict) and str(inner.get("type", "")).endswith("_error"))
    text_of_result = jsonish(inner)
    content.results.append(Result(answers, text_of_result, (text_of_result or "error") if failed else None))


PARTS: dict[str, Handler] = {
    "thinking": silent_part,
    "redacted_thinking": silent_part,
    "image": file("image"),
    "document": file("document"),
    "container_upload": file("file"),
    "search_result": silent_part,
    "tool_use": _tool_use,
    "server_tool_use": _tool_use,
    "mcp_tool_use": _tool_use,
    "tool_result": _tool_result,
}


def handler(kind: str) -> Handler | None:
    """The handler of a block type; results of Anthropic's own tools have types named after the tool."""
    return PARTS.get(kind) or (_tool_result if kind.endswith("_tool_result") else None)


def recognises(value: Any) -> bool:
    """Whether some message has a block of a type that only Anthropic uses."""
    if not isinstance(value, dict) or not isinstance(value.get("messages"), list):
        return False
    kinds = {
        str(part.get("type"))
        for message in value["messages"]
        if isinstance(message, dict) and isinstance(message.get("content"), list)
        for part in message["content"]
        if isinstance(part, dict)
    }
    return bool(kinds & {"tool_use", "tool_result", "server_tool_use", "mcp_tool_use", "thinking"})
