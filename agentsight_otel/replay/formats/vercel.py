"""Messages of Vercel's AI SDK: UIMessage (parts, and the older toolInvocations) and ModelMessage."""

from typing import Any

from agentsight_otel.replay.content import Content, Handler, Result, file, jsonish, silent_part
from agentsight_otel.replay.fields import document, shown
from agentsight_otel.replay.transcripts import ToolCall


def _name(part: dict[str, Any], where: str) -> str:
    name = part.get("toolName")
    if not isinstance(name, str) or not name:
        raise ValueError(f"{where}.toolName: {shown(name)}: expected the name of a tool")
    return name


def _tool_call(part: dict[str, Any], where: str, content: Content) -> None:
    arguments = part.get("input", part.get("args"))
    content.calls.append(ToolCall(str(part.get("toolCallId") or ""), _name(part, where), arguments))


def _tool_result(part: dict[str, Any], where: str, content: Content) -> None:
    output = part.get("output", part.get("result"))
    error = None
    if isinstance(output, dict) and "type" in output:
        kind = str(output["type"])
        output = output.get("value", output.get("reason"))
        error = jsonish(output) or kind if kind.startswith("error") or kind == "execution-denied" else None
    if part.get("isError") is True:
        error = jsonish(output) or "error"
    content.results.append(Result(str(part.get("toolCallId") or part.get("toolName") or ""), jsonish(output), error))


def _ui_tool(part: dict[str, Any], where: str, content: Content) -> None:
    """Reads a tool part of a UIMessage: the call and, where its state says that it has one, the result."""
    kind = str(part["type"])
    name = kind[len("tool-") :] if kind != "dynamic-tool" else _name(part, where)
    state = part.get("state")
    if state == "input-streaming":
        return  # the model had not finished writing the call
    error = part.get("errorText")
    content.calls.append(
        ToolCall(
            str(part.get("toolCallId") or ""),
            name,
            part.get("input"),
            done=True,
            result=part.get("output"),
            error=str(error or state) if state in ("output-error", "output-denied") else None,
        )
    )


def invocation(value: Any, where: str, content: Content) -> None:
    """Reads a tool call of AI SDK 4, from a part or from ``toolInvocations``."""
    call = document(value, where)
    name = _name(call, where)
    content.calls.append(
        ToolCall(str(call.get("toolCallId") or ""), name, call.get("args"), done=True, result=call.get("result"))
    )


def _invocation_part(part: dict[str, Any], where: str, content: Content) -> None:
    invocation(part.get("toolInvocation"), f"{where}.toolInvocation", content)


PARTS: dict[str, Handler] = {
    "reasoning": silent_part,
    "reasoning-file": silent_part,
    "step-start": silent_part,
    "source": silent_part,
    "source-url": silent_part,
    "source-document": silent_part,
    "tool-approval-request": silent_part,
    "tool-approval-response": silent_part,
    "file": file("file"),
    "image": file("image"),
    "tool-call": _tool_call,
    "tool-result": _tool_result,
    "tool-error": _tool_result,
    "dynamic-tool": _ui_tool,
    "tool-invocation": _invocation_part,
}


def handler(kind: str) -> Handler | None:
    """The handler of a part type; a tool's part has a type named after the tool."""
    if kind in PARTS:
        return PARTS[kind]
    if kind.startswith("tool-"):
        return _ui_tool
    return silent_part if kind.startswith("data-") else None


def recognises(value: Any) -> bool:
    """Whether some message has parts, or toolInvocations, or a part of a type that only Vercel's SDK uses."""
    if not isinstance(value, dict) or not isinstance(value.get("messages"), list):
        return False
    for message in value["messages"]:
        if not isinstance(message, dict):
            continue
        if isinstance(message.get("parts"), list) or "toolInvocations" in message:
            return True
        content = message.get("content")
        if isinstance(content, list) and any(
            isinstance(part, dict) and part.get("type") in ("tool-call", "tool-result") for part in content
        ):
            return True
    return False
