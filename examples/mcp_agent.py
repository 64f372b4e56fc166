"""An agent that calls a tool of an MCP server, in one conversation with it.

python mcp_agent.py http://localhost:8000/mcp
"""

import asyncio
import sys

from mcp.client import Client
from opentelemetry.instrumentation import httpx

import agentsight_otel as agentsight


async def main(url: str) -> None:
    agentsight.init(service_name="agent", propagate=True)
    for name in ("HTTPXClientInstrumentor", "HTTPX2ClientInstrumentor"):  # newer MCP clients use the second
        if instrumentor := getattr(httpx, name, None):
            instrumentor().instrument()
    async with Client(url) as client:
        with agentsight.conversation("mcp-1", customer_id="u1"), agentsight.turn(agent="support"):
            agentsight.user_message("Where is order 1001?")
            found = await client.call_tool("find_order", {"order_id": "1001"})
            answer = " ".join(part.text for part in found.content if part.type == "text")
            agentsight.agent_message(answer)
            print(answer)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
