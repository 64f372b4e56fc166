"""An agent of the OpenAI Agents SDK, on logfire."""

import logfire
import openai_agents
import shop

logfire.configure(send_to_logfire=False, console=False, service_name="logfire_openai_agents.py")
logfire.instrument_openai_agents()


async def ask(question: str, stream: bool) -> str:
    with logfire.set_baggage(**{"user.id": "customer-1"}):
        return await openai_agents.answer(question, stream, "logfire")


shop.talk(ask)
