"""An agent on LangSmith's SDK, which is told to send OpenTelemetry's spans instead of its own."""

import os

import chat
import openai
import otlp
import shop
from langsmith import Client, traceable, tracing_context
from langsmith.wrappers import wrap_openai

os.environ.update(LANGSMITH_TRACING="true", LANGSMITH_OTEL_ENABLED="true", LANGSMITH_OTEL_ONLY="true")
client = wrap_openai(openai.OpenAI())
langsmith = Client(api_key="none", otel_tracer_provider=otlp.provider)
tools = traceable(run_type="tool")(shop.find_order), traceable(run_type="tool")(shop.contact_human)


@traceable(name="shop")
def answer(question: str, stream: bool) -> str:
    return chat.answer(client, question, stream, *tools)


def ask(question: str, stream: bool) -> str:
    with tracing_context(client=langsmith, metadata={"session_id": "langsmith", "user_id": "customer-1"}):
        return answer(question, stream)


shop.talk(ask)
langsmith.flush()
