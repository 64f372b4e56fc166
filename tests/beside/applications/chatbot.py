"""The agent in the applications of this folder: three turns, with a tool, with a stream, and with an error.

Applications say whose conversation it is in the ways of their framework; the model is the local stand-in.
"""

import json
import os
from collections.abc import Iterator
from typing import Any

import httpx

import agentsight_otel as agentsight

TOOL = {"type": "function", "function": {"name": "find_order", "parameters": {"type": "object", "properties": {}}}}
TURNS = ("tool", "stream", "error")


@agentsight.tool
def find_order(order_id: str) -> str:
    return f"Order {order_id}: shipped."


def model(messages: list[dict[str, Any]], **more: Any) -> httpx.Response:
    body = {"model": "gpt-4o-mini", "messages": messages, **more}
    response = httpx.post(f"{os.environ['OPENAI_BASE_URL']}/chat/completions", json=body)
    response.raise_for_status()
    return response


def answer(turn: str) -> str:
    """One turn whose answer is there at its end. Raises for ``error``."""
    agentsight.user_message(turn)
    asked = [{"role": "user", "content": "fail" if turn == "error" else "Where is order 1001?"}]
    said = model(asked, tools=[TOOL]).json()["choices"][0]["message"]
    result = find_order(**json.loads(said["tool_calls"][0]["function"]["arguments"]))
    told = model([*asked, said, {"role": "tool", "tool_call_id": "call_1", "content": result}])
    text = str(told.json()["choices"][0]["message"]["content"])
    agentsight.agent_message(text)
    return text


def words() -> Iterator[str]:
    """The answer of the turn ``stream``, piece by piece; recorded when it is whole."""
    agentsight.user_message("stream")
    said = []
    lines = model([{"role": "user", "content": "Where is order 1001?"}], stream=True).text.splitlines()
    for chunk in (json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")):
        for choice in chunk["choices"]:
            if piece := choice["delta"].get("content"):
                said.append(piece)
                yield piece
    agentsight.agent_message("".join(said).strip())


def converse(cid: str) -> None:
    """The three turns, in one block after another."""
    with agentsight.conversation(cid, customer_id="u1", device="mobile", source="web", language="en"):
        with agentsight.turn(agent="support"):
            answer("tool")
        with agentsight.turn(agent="support"):
            list(words())
        try:
            with agentsight.turn(agent="support"):
                answer("error")
        except httpx.HTTPStatusError:
            pass
