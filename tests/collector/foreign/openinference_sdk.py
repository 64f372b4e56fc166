"""An agent under OpenInference: its instrumentations of OpenAI and LangChain, and its tracer's tool decorator."""

import openai
from langchain_core.tools import tool as langchain_tool
from openinference.instrumentation import OITracer, TraceConfig, using_attributes
from openinference.instrumentation.langchain import LangChainInstrumentor
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
OpenAIInstrumentor().instrument(tracer_provider=provider)
LangChainInstrumentor().instrument(tracer_provider=provider)
tracer = OITracer(provider.get_tracer("agent"), TraceConfig())
client = openai.OpenAI()


@tracer.tool(name="find_order")
def find_order(order_id: str) -> str:
    return "shipped"


@langchain_tool
def weather(city: str) -> str:
    """The weather."""
    return "sunny"


with using_attributes(session_id="inference", user_id="customer-9"):
    client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "order"}])
    find_order("1001")
    weather.invoke({"city": "Athens"})
    for _ in client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": "weather"}], stream=True
    ):
        pass
provider.shutdown()
