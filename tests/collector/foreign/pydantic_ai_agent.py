"""An agent on pydantic-ai, which traces itself."""

import otlp  # noqa: F401
import shop
from pydantic_ai import Agent, ModelRetry


def contact_human(order_id: str) -> str:
    """Calls a person."""
    try:
        return shop.contact_human(order_id)
    except RuntimeError as error:
        raise ModelRetry(str(error)) from error  # any other ends the run


Agent.instrument_all()
agent = Agent("openai-chat:gpt-4o-mini", name="shop", tools=[shop.find_order, contact_human])


async def ask(question: str, stream: bool) -> str:
    if not stream:
        return (await agent.run(question, conversation_id="pydantic-ai")).output
    async with agent.run_stream(question, conversation_id="pydantic-ai") as running:
        return "".join([piece async for piece in running.stream_text(delta=True)])


shop.talk(ask)
