"""An agent on OpenLLMetry: its SDK's decorators, and its instrumentations of OpenAI and LangChain."""

import os

import openai
from langchain_core.tools import tool as langchain_tool
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.langchain import LangchainInstrumentor
from traceloop.sdk import Traceloop
from traceloop.sdk.decorators import tool, workflow

os.environ["TRACELOOP_TELEMETRY"] = os.environ["TRACELOOP_METRICS_ENABLED"] = "false"
Traceloop.init(app_name="openllmetry-agent", exporter=OTLPSpanExporter(), disable_batch=False)
# It looks for the whole of LangChain, and here is only its core.
LangchainInstrumentor().instrument()
client = openai.OpenAI()


@tool(name="find_order")
def find_order(order_id: str) -> str:
    return "shipped"


@langchain_tool
def weather(city: str) -> str:
    """The weather."""
    return "sunny"


@workflow(name="support")
def support() -> None:
    client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "order"}])
    find_order("1001")
    weather.invoke({"city": "Athens"})
    for _ in client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": "weather"}], stream=True
    ):
        pass


Traceloop.set_association_properties({"session_id": "llmetry", "user_id": "customer-8"})
support()
trace.get_tracer_provider().force_flush()
