"""LangChain's agent, on OpenLLMetry."""

import langchain_agent
import shop
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from traceloop.sdk import Traceloop

Traceloop.init(app_name="openllmetry_langchain.py", exporter=OTLPSpanExporter(), telemetry_enabled=False)
Traceloop.set_association_properties({"session_id": "openllmetry-langchain", "user_id": "customer-1"})
shop.talk(langchain_agent.answer)
