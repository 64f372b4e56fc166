"""LangGraph, by LangChain's agent; its tool calls are reported by OpenInference's instrumentation alone."""

import contextlib

from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

import agentsight_otel as agentsight

agentsight.init(service_name="langgraph", instrument=True)


@tool
def find_order(order_id: str) -> str:
    """Finds an order."""
    return f"Order {order_id}: shipped."


tooled = create_agent(ChatOpenAI(model="gpt-4o-mini"), [find_order])
toolless = create_agent(ChatOpenAI(model="gpt-4o-mini"), [])


@agentsight.turn(agent="support")
def answer(turn: str) -> None:
    agentsight.user_message(turn)
    asked = {"messages": [{"role": "user", "content": "fail" if turn == "error" else "Where is order 1001?"}]}
    if turn == "stream":
        said = "".join(str(piece.content) for piece, _ in toolless.stream(asked, stream_mode="messages"))
    else:
        said = tooled.invoke(asked)["messages"][-1].content
    agentsight.agent_message(said.strip())


with agentsight.conversation("agent", customer_id="u1", device="mobile", source="web", language="en"):
    answer("tool")
    answer("stream")
    with contextlib.suppress(Exception):
        answer("error")
agentsight.shutdown()
