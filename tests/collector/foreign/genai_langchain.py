"""LangChain's agent, under OpenTelemetry's instrumentation."""

import langchain_agent
import otlp
import shop
from opentelemetry.instrumentation.genai.langchain import LangChainInstrumentor

LangChainInstrumentor().instrument(tracer_provider=otlp.provider)
config = {"configurable": {"thread_id": "genai-langchain"}}
shop.talk(lambda question, stream: langchain_agent.answer(question, stream, config))
