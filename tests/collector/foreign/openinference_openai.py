"""An agent under OpenInference's instrumentation of OpenAI, with its tracer's decorators."""

import chat
import openai
import otlp
import shop
from openinference.instrumentation import OITracer, TraceConfig, using_attributes
from openinference.instrumentation.openai import OpenAIInstrumentor

OpenAIInstrumentor().instrument(tracer_provider=otlp.provider)
tracer = OITracer(otlp.provider.get_tracer("shop"), TraceConfig())
client = openai.OpenAI()
tools = tracer.tool(shop.find_order), tracer.tool(shop.contact_human)


@tracer.agent(name="shop")
def answer(question: str, stream: bool) -> str:
    return chat.answer(client, question, stream, *tools)


def ask(question: str, stream: bool) -> str:
    with using_attributes(session_id="openinference-openai", user_id="customer-1"):
        return answer(question, stream)


shop.talk(ask)
