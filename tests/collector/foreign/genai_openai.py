"""An agent under OpenTelemetry's instrumentation of OpenAI, with agent and tools by the hand of its helper."""

import chat
import openai
import otlp
import shop
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from opentelemetry.util.genai.handler import TelemetryHandler

OpenAIInstrumentor().instrument()
handler = TelemetryHandler(tracer_provider=otlp.provider)
client = openai.OpenAI()


def find_order(order_id: str) -> str:
    with handler.tool("find_order"):
        return shop.find_order(order_id)


def contact_human(order_id: str) -> str:
    with handler.tool("contact_human"):
        return shop.contact_human(order_id)


def ask(question: str, stream: bool) -> str:
    with handler.invoke_local_agent(agent_name="shop", conversation_id="genai-openai"):
        return chat.answer(client, question, stream, find_order, contact_human)


shop.talk(ask)
