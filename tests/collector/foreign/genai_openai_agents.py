"""An agent of the OpenAI Agents SDK, under OpenTelemetry's instrumentations of it and of its model's client."""

import openai_agents
import otlp
import shop
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from opentelemetry.instrumentation.genai.openai_agents import OpenAIAgentsInstrumentor

OpenAIInstrumentor().instrument(tracer_provider=otlp.provider)
OpenAIAgentsInstrumentor().instrument(tracer_provider=otlp.provider)
shop.talk(lambda question, stream: openai_agents.answer(question, stream, "genai-openai-agents"))
