"""An agent on Langfuse's SDK: its decorator and its OpenAI, its spans sent to the collector."""

import chat
import shop
from langfuse import Langfuse, observe, propagate_attributes
from langfuse.openai import OpenAI
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

langfuse = Langfuse(public_key="none", secret_key="none", span_exporter=OTLPSpanExporter())
client = OpenAI()
tools = observe(as_type="tool")(shop.find_order), observe(as_type="tool")(shop.contact_human)


@observe(name="shop")
def ask(question: str, stream: bool) -> str:
    with propagate_attributes(session_id="langfuse", user_id="customer-1"):
        return chat.answer(client, question, stream, *tools)


shop.talk(ask)
langfuse.flush()
