"""One LangChain agent under each family of GenAI instrumentations, with a tool of its own and one that is decorated."""

from importlib import import_module
from typing import Any

from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from opentelemetry.instrumentation import httpx

import agentsight_otel as agentsight

FAMILIES = {
    "openinference": [
        ("openinference.instrumentation.langchain", "LangChainInstrumentor"),
        ("openinference.instrumentation.openai", "OpenAIInstrumentor"),
    ],
    "openllmetry": [
        ("opentelemetry.instrumentation.langchain", "LangchainInstrumentor"),
        ("opentelemetry.instrumentation.openai", "OpenAIInstrumentor"),
    ],
    "opentelemetry": [
        ("opentelemetry.instrumentation.genai.langchain", "LangChainInstrumentor"),
        ("opentelemetry.instrumentation.genai.openai", "OpenAIInstrumentor"),
    ],
}


def find_order(order_id: str) -> str:
    """Finds an order."""
    return f"Order {order_id}: shipped."


def main() -> None:
    agentsight.init()
    for name in ("HTTPXClientInstrumentor", "HTTPX2ClientInstrumentor"):  # newer openai clients use the second
        if instrumentor := getattr(httpx, name, None):
            instrumentor().instrument()
    tools: dict[str, Any] = {"plain": tool(find_order), "decorated": tool(agentsight.tool(find_order))}
    for family, instrumentors in FAMILIES.items():
        loaded = [getattr(import_module(module), name)() for module, name in instrumentors]
        for instrumentor in loaded:
            instrumentor.instrument()
        for kind, of_kind in tools.items():
            agent = create_agent(ChatOpenAI(model="gpt-4o-mini"), [of_kind])
            with agentsight.conversation(f"{family}-{kind}", customer_id="u1"), agentsight.turn():
                agent.invoke({"messages": [{"role": "user", "content": "Where is order 1001?"}]})
        for instrumentor in loaded:
            instrumentor.uninstrument()
    agentsight.shutdown()


if __name__ == "__main__":
    main()
