"""LangChain's agent, under OpenInference's instrumentations of LangChain and of OpenAI: both report a model's call."""

import langchain_agent
import otlp
import shop
from openinference.instrumentation import using_attributes
from openinference.instrumentation.langchain import LangChainInstrumentor
from openinference.instrumentation.openai import OpenAIInstrumentor

OpenAIInstrumentor().instrument(tracer_provider=otlp.provider)
LangChainInstrumentor().instrument(tracer_provider=otlp.provider)


def ask(question: str, stream: bool) -> str:
    with using_attributes(session_id="openinference-langchain", user_id="customer-1"):
        return langchain_agent.answer(question, stream)


shop.talk(ask)
