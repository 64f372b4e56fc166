"""An agent of the OpenAI Agents SDK, under OpenInference's instrumentation."""

import openai_agents
import otlp
import shop
from openinference.instrumentation import using_attributes
from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor

OpenAIAgentsInstrumentor().instrument(tracer_provider=otlp.provider)


async def ask(question: str, stream: bool) -> str:
    with using_attributes(session_id="openinference-openai-agents", user_id="customer-1"):
        return await openai_agents.answer(question, stream, "ignored")


shop.talk(ask)
