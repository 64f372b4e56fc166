"""Model calls alone, under OpenTelemetry's instrumentation of OpenAI: nothing says which conversation they are of."""

import chat
import openai
import otlp
import shop
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

OpenAIInstrumentor().instrument(tracer_provider=otlp.provider)
client = openai.OpenAI()
shop.talk(lambda question, stream: chat.answer(client, question, stream, shop.find_order, shop.contact_human))
