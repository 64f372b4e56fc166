"""The Responses API in the terms of chat completions: how it is asked, and how it answers."""

import json
from typing import Any

USAGE = {
    "input_tokens": 20,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 27,
}


def as_chat(body: dict[str, Any]) -> dict[str, Any]:
    """The request as one for a chat completion."""
    asked = body["input"]
    items = [{"role": "user", "content": asked}] if isinstance(asked, str) else asked
    messages = [
        {"role": "tool", "content": item["output"]} if item.get("type") == "function_call_output" else item
        for item in items
    ]
    return {**body, "messages": messages, "tools": [{"function": tool} for tool in body.get("tools") or []]}


def answer(message: dict[str, Any], stream: bool) -> bytes:
    """A chat completion's message as the answer, at once or streamed."""
    item = _output(message)
    return _events(item) if stream else json.dumps(_response("completed", [item])).encode()


def _events(item: dict[str, Any]) -> bytes:
    place = {"item_id": item["id"], "output_index": 0}
    found: list[dict[str, Any]] = [{"type": "response.created", "response": _response("in_progress", [])}]
    found.append({"type": "response.output_item.added", "output_index": 0, "item": {**item, "status": "in_progress"}})
    if item["type"] == "message":
        words = [f"{word} " for word in item["content"][0]["text"].split()]
        found += [
            {"type": "response.output_text.delta", **place, "content_index": 0, "delta": word, "logprobs": []}
            for word in words
        ]
    found.append({"type": "response.output_item.done", "output_index": 0, "item": item})
    found.append({"type": "response.completed", "response": _response("completed", [item])})
    lines = [json.dumps({**event, "sequence_number": number}) for number, event in enumerate(found)]
    return "".join(
        f"event: {event['type']}\ndata: {line}\n\n" for event, line in zip(found, lines, strict=True)
    ).encode()


def _output(message: dict[str, Any]) -> dict[str, Any]:
    done = {"status": "completed"}
    if calls := message.get("tool_calls"):
        return {"type": "function_call", "id": "fc_1", "call_id": calls[0]["id"], **calls[0]["function"], **done}
    text = {"type": "output_text", "text": message["content"], "annotations": []}
    return {"type": "message", "id": "msg_1", "role": "assistant", "content": [text], **done}


def _response(status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_700_000_000,
        "model": "gpt-4o-mini",
        "status": status,
        "output": output,
        "usage": USAGE if status == "completed" else None,
        "parallel_tool_calls": False,
        "tool_choice": "auto",
        "tools": [],
    }
