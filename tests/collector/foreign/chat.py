"""An agent's loop by hand, on OpenAI's chat completions."""

import json
from collections.abc import Callable
from typing import Any


def answer(client: Any, question: str, stream: bool, *tools: Callable[..., str]) -> str:
    """Asks the model, and runs the tools that it wants, until it answers.

    Args:
        client: OpenAI's, or what an SDK has made of it.
        question: The user's.
        stream: Whether the model is to stream.
        tools: What it may want.
    """
    parameters = {"type": "object", "properties": {"order_id": {"type": "string"}}}
    offered = [{"type": "function", "function": {"name": tool.__name__, "parameters": parameters}} for tool in tools]
    messages: list[dict[str, Any]] = [{"role": "user", "content": question}]
    while True:
        asked = {"model": "gpt-4o-mini", "messages": messages, "tools": offered}
        if stream:
            parts = [
                chunk.choices[0].delta
                for chunk in client.chat.completions.create(**asked, stream=True)
                if chunk.choices
            ]
            text = "".join(part.content or "" for part in parts)
            calls = [call for part in parts for call in part.tool_calls or []]
        else:
            message = client.chat.completions.create(**asked).choices[0].message
            text, calls = message.content, message.tool_calls or []
        if not calls:
            return text
        messages.append({"role": "assistant", "tool_calls": [call.model_dump() for call in calls]})
        for call in calls:
            (tool,) = (tool for tool in tools if tool.__name__ == call.function.name)
            try:
                result = tool(**json.loads(call.function.arguments))
            except RuntimeError as error:
                result = f"It failed: {error}."
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
