"""An agent of the OpenAI Agents SDK with a tool. Run: python openai_agents.py"""

import asyncio

from agents import Agent, Runner, function_tool, set_default_openai_api

import agentsight_otel as agentsight

agentsight.init(service_name="openai-agents", instrument=True)
set_default_openai_api("chat_completions")


@function_tool
@agentsight.tool
def find_order(order_id: str) -> str:
    """Finds an order."""
    return f"Order {order_id}: shipped."


agent = Agent(name="support", model="gpt-4o-mini", tools=[find_order])


@agentsight.turn(agent="support")
async def answer(text: str) -> str:
    agentsight.user_message(text)
    said = str((await Runner.run(agent, text)).final_output)
    agentsight.agent_message(said)
    return said


if __name__ == "__main__":
    agentsight.get_or_create_conversation(
        "agents-1", customer_id="u1", device="mobile", source="whatsapp", language="en"
    )
    print(asyncio.run(answer("Where is order 1001?")))
    agentsight.shutdown()
