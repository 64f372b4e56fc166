"""An agent on Strands, which traces itself and always streams from the model."""

import shop
from strands import Agent, tool
from strands.models.openai import OpenAIModel
from strands.telemetry import StrandsTelemetry

StrandsTelemetry().setup_otlp_exporter()
agent = Agent(
    name="shop",
    model=OpenAIModel(model_id="gpt-4o-mini"),
    tools=[tool(shop.find_order), tool(shop.contact_human)],
    trace_attributes={"session.id": "strands", "user.id": "customer-1"},
    callback_handler=None,
)


async def ask(question: str, stream: bool) -> str:
    return str(await agent.invoke_async(question))


shop.talk(ask)
