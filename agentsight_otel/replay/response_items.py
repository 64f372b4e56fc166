"""The items that OpenAI's Responses are made of, besides messages."""

from collections.abc import Iterator
from typing import Any

from agentsight_otel.replay import fields
from agentsight_otel.replay.content import Handler, file, jsonish, text_part
from agentsight_otel.replay.fields import optional_text, shown
from agentsight_otel.replay.transcripts import Message, ToolCall

PARTS: dict[str, Handler] = {
    "input_text": text_part("text"),
    "output_text": text_part("text"),
    "summary_text": text_part("text"),
    "input_image": file("image"),
    "input_file": file("file"),
    "output_image": file("image"),
}

_SILENT = (
    *("reasoning", "item_reference", "mcp_list_tools", "mcp_approval_request", "mcp_approval_response"),
    *("compaction", "compaction_summary"),
)
_CALLS = ("function_call", "custom_tool_call", "mcp_call", "computer_call", "local_shell_call", "shell_call")
_HOSTED = (
    *("web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call", "apply_patch_call"),
    "tool_search_call",
)
_RESULTS = tuple(f"{kind}_output" for kind in (*_CALLS, *_HOSTED) if kind != "mcp_call")
ITEMS = frozenset({"message", *_SILENT, *_CALLS, *_HOSTED, *_RESULTS})
"""The types of items."""


def item(value: dict[str, Any], where: str) -> Iterator[Message]:
    """The messages that an item other than a message stands for; none for reasoning and the like."""
    kind = value.get("type")
    at_ns = fields.time_of(value, f"{where}.")
    if kind in _RESULTS:
        answers = optional_text(value.get("call_id") or value.get("id") or "", f"{where}.call_id")
        yield Message("tool", jsonish(value.get("output")), answers=answers, at_ns=at_ns)
    elif kind in _CALLS or kind in _HOSTED:
        name = value.get("name") or str(kind).removesuffix("_call")
        if kind in ("function_call", "custom_tool_call", "mcp_call") and not value.get("name"):
            raise ValueError(f"{where}.name: {shown(value.get('name'))}: expected the name of a tool")
        arguments = next(
            (value[key] for key in ("arguments", "input", "action", "queries", "code") if value.get(key) is not None),
            None,
        )
        hosted = kind == "mcp_call" or kind in _HOSTED  # OpenAI ran the tool: the item holds the result too
        error = value.get("error")
        if hosted and error is None and value.get("status") == "failed":
            error = "failed"
        call = ToolCall(
            optional_text(value.get("call_id") or value.get("id") or "", f"{where}.call_id"),
            fields.text(name, f"{where}.name"),
            arguments,
            done=hosted,
            result=value.get("output", value.get("results", value.get("outputs"))) if hosted else None,
            error=jsonish(error) if error else None,
        )
        yield Message("assistant", "", (call,), at_ns=at_ns)
    elif kind not in _SILENT:
        raise ValueError(f"{where}.type: {shown(kind)}: expected one of {', '.join(sorted(ITEMS))}")
