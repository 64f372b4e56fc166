"""Google's Gemini API in the terms of OpenAI's chat completions: how it is asked, and how it answers."""

import json
from typing import Any

USAGE = {"promptTokenCount": 20, "candidatesTokenCount": 7, "totalTokenCount": 27}


def as_chat(body: dict[str, Any]) -> dict[str, Any]:
    """The request as one for a chat completion."""
    messages = []
    for content in body["contents"]:
        told = any("functionResponse" in part for part in content["parts"])
        text = "".join(part.get("text", "") for part in content["parts"])
        messages.append({"role": "tool" if told else content["role"], "content": text})
    tools = [{"function": tool} for group in body.get("tools", []) for tool in group["functionDeclarations"]]
    return {"messages": messages, "tools": tools}


def answer(message: dict[str, Any], stream: bool) -> bytes:
    """A chat completion's message as the answer, at once or streamed."""
    parts: list[dict[str, Any]]
    if calls := message.get("tool_calls"):
        function = calls[0]["function"]
        parts = [{"functionCall": {"name": function["name"], "args": json.loads(function["arguments"])}}]
    elif stream:
        parts = [{"text": f"{word} "} for word in message["content"].split()]
    else:
        parts = [{"text": message["content"]}]
    chunks = [json.dumps(_chunk(part, "STOP" if part is parts[-1] else None)) for part in parts]
    return ("".join(f"data: {chunk}\r\n\r\n" for chunk in chunks) if stream else chunks[0]).encode()


def _chunk(part: dict[str, Any], reason: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": [part]}}
    if reason is not None:
        candidate["finishReason"] = reason
    return {"candidates": [candidate], "usageMetadata": USAGE, "modelVersion": "gemini-2.5-flash"}
