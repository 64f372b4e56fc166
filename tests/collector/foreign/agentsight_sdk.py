"""An agent on the official AgentSight SDK, its spans sent by OTLP."""

import agentsight
import chat
import openai
import shop
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

agentsight.init(span_exporter=OTLPSpanExporter(), environment="production", verify_key=False)
client = openai.OpenAI()
tools = agentsight.tool(shop.find_order), agentsight.tool(shop.contact_human)


def ask(question: str, stream: bool) -> str:
    with agentsight.conversation(
        "official",
        customer_id="customer-1",
        customer_ip_address="81.2.69.142",
        device="mobile",
        source="Web",
        language="en-US",
    ):
        with agentsight.turn("shop"):
            agentsight.user_message(question)
            answer = chat.answer(client, question, stream, *tools)
            agentsight.agent_message(answer)
            return answer


agentsight.open_conversation("visit-only", device="mobile", source="Web")
agentsight.open_conversation("official", device="mobile", source="Web", language="en-US")
shop.talk(ask)
agentsight.flush()
agentsight.shutdown()
