"""A LangGraph agent with a tool. Run: python langgraph_agent.py"""

from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

import agentsight_otel as agentsight

agentsight.init(service_name="langgraph-agent", instrument=True)


@tool
def find_order(order_id: str) -> str:
    """Finds an order."""
    return f"Order {order_id}: shipped."


agent = create_agent(ChatOpenAI(model="gpt-4o-mini"), [find_order])


@agentsight.turn(agent="support")
def answer(text: str) -> str:
    agentsight.user_message(text)
    said = agent.invoke({"messages": [{"role": "user", "content": text}]})["messages"][-1].content
    agentsight.agent_message(said)
    return said


if __name__ == "__main__":
    agentsight.get_or_create_conversation(
        "langgraph-1", customer_id="u1", device="desktop", source="web", language="en"
    )
    print(answer("Where is order 1001?"))
    agentsight.shutdown()
