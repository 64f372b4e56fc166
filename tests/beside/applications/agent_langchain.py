"""LangChain's agent by the package that the argument names: AgentSight's own SDK, 0.1.4, or this one."""

import importlib
import sys

from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

agentsight = importlib.import_module(sys.argv[1])
if sys.argv[1] == "agentsight":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    agentsight.init(span_exporter=OTLPSpanExporter(), verify_key=False)
else:
    agentsight.init(service_name="langchain", auto_instrument=["langchain"])


@tool
def find_order(order_id: str) -> str:
    """Finds an order."""
    return f"Order {order_id}: shipped."


@tool
def contact_human(order_id: str) -> str:
    """Fails."""
    raise RuntimeError("nobody there")


model = ChatOpenAI(model="gpt-4o-mini")
asked = {"messages": [{"role": "user", "content": "Where is order 1001?"}]}
with agentsight.conversation(sys.argv[1], customer_id="u1", device="mobile", source="web", language="en"):
    with agentsight.turn():
        agentsight.user_message("Where is order 1001?")
        agentsight.agent_message(create_agent(model, [find_order]).invoke(asked)["messages"][-1].content)
    with agentsight.turn():
        agentsight.user_message("And now?")
        for _ in create_agent(model, []).stream(asked, stream_mode="messages"):
            pass
        try:
            create_agent(model, [contact_human]).invoke(asked)
        except RuntimeError:
            agentsight.agent_message("Sorry.")
agentsight.flush()
agentsight.shutdown()
