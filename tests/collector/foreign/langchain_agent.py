"""LangChain's own agent, which tells the model of a tool that fails."""

from collections.abc import Callable
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import wrap_tool_call
from langchain_core.messages import ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from shop import contact_human, find_order


@wrap_tool_call
def tell(request: Any, call: Callable[[Any], Any]) -> Any:
    try:
        return call(request)
    except RuntimeError as error:
        return ToolMessage(str(error), tool_call_id=request.tool_call["id"], status="error")


agent = create_agent(
    ChatOpenAI(model="gpt-4o-mini"), [tool(find_order), tool(contact_human)], middleware=[tell], name="shop"
)


def answer(question: str, stream: bool, config: Any = None) -> str:
    asked = {"messages": [{"role": "user", "content": question}]}
    if stream:
        pieces = agent.stream(asked, config, stream_mode="messages")
        return "".join(str(piece.content) for piece, _ in pieces)
    return str(agent.invoke(asked, config)["messages"][-1].content)
