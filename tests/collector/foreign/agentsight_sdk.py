"""An agent on the official AgentSight SDK, its spans sent by OTLP."""

import time

import agentsight
import openai
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

agentsight.init(span_exporter=OTLPSpanExporter(), environment="production", verify_key=False)
client = openai.OpenAI()


@agentsight.tool
def find_order(order_id: str) -> dict[str, str]:
    return {"status": "shipped"}


@agentsight.tool
def contact_human(queue: str) -> None:
    raise RuntimeError("nobody there")


agentsight.open_conversation("visit-only", device="mobile", source="Web")
agentsight.open_conversation("official", device="mobile", source="Web", language="en-US")
with agentsight.conversation(
    "official",
    customer_id="customer-7",
    customer_ip_address="81.2.69.142",
    device="mobile",
    source="Web",
    language="en-US",
):
    with agentsight.turn("order"):
        agentsight.user_message("Where is my order?")
        answer = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "order"}])
        find_order("1001")
        agentsight.agent_message(answer.choices[0].message.content)
    time.sleep(0.01)  # the person reads: within the same millisecond a question would come before the answer
    with agentsight.turn("human"):
        agentsight.user_message("A human, please.")
        stream = client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": "human"}], stream=True
        )
        text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
        try:
            contact_human("support")
        except RuntimeError:
            agentsight.agent_message(text)
agentsight.flush()
agentsight.shutdown()
