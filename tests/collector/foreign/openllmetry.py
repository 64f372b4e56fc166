"""An agent on OpenLLMetry: its SDK's decorators, and its instrumentation of OpenAI."""

import chat
import openai
import shop
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from traceloop.sdk import Traceloop
from traceloop.sdk.decorators import tool, workflow

Traceloop.init(app_name="openllmetry.py", exporter=OTLPSpanExporter(), telemetry_enabled=False)
client = openai.OpenAI()
tools = tool()(shop.find_order), tool()(shop.contact_human)


@workflow(name="shop")
def answer(question: str, stream: bool) -> str:
    return chat.answer(client, question, stream, *tools)


Traceloop.set_association_properties({"session_id": "openllmetry", "user_id": "customer-1"})
shop.talk(answer)
