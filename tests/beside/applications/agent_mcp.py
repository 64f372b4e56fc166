"""A client and a server of the Model Context Protocol in one process; the tool is the server's."""

import asyncio
import contextlib

import chatbot
from mcp.client import Client
from mcp.server.mcpserver import MCPServer

import agentsight_otel as agentsight

agentsight.init(service_name="mcp")
server = MCPServer("shop")


@server.tool()
def find_order(order_id: str) -> str:
    """Finds an order."""
    if order_id == "fail":
        raise RuntimeError("no database")
    return f"Order {order_id}: shipped."


@agentsight.turn(agent="support")
async def answer(client: Client, turn: str) -> None:
    agentsight.user_message(turn)
    if turn == "error":
        raise RuntimeError("no answer")
    found = await client.call_tool("find_order", {"order_id": "1001"})
    assert "shipped" in str(found.content)
    agentsight.agent_message("Order 1001 is shipped.")


@agentsight.turn(agent="support")
async def stream() -> None:
    for _ in chatbot.words():
        await asyncio.sleep(0)


async def main() -> None:
    async with Client(server) as client:
        with agentsight.conversation("agent", customer_id="u1", device="mobile", source="web", language="en"):
            await answer(client, "tool")
            await stream()
            with contextlib.suppress(RuntimeError):
                await answer(client, "error")


asyncio.run(main())
agentsight.shutdown()
