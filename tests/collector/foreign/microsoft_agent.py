"""An agent on Microsoft's Agent Framework, which traces itself and has no conversation id in its spans."""

import otlp  # noqa: F401
import shop
from agent_framework import Agent
from agent_framework.openai import OpenAIChatCompletionClient

agent = Agent(OpenAIChatCompletionClient("gpt-4o-mini"), name="shop", tools=[shop.find_order, shop.contact_human])
session = agent.create_session()


async def ask(question: str, stream: bool) -> str:
    if not stream:
        return str((await agent.run(question, session=session)).text)
    return "".join([piece.text async for piece in agent.run(question, session=session, stream=True)])


shop.talk(ask)
