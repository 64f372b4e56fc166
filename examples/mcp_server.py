"""An MCP server with a tool: what it does for an agent takes part in the agent's conversation.

python mcp_server.py
"""

import os

import uvicorn
from mcp.server.mcpserver import MCPServer

import agentsight_otel as agentsight
from agentsight_otel.integrations.asgi import ConversationMiddleware

server = MCPServer("shop")


@server.tool()
@agentsight.tool
def find_order(order_id: str) -> str:
    """Finds an order."""
    with agentsight.task("read the database"):
        return f"Order {order_id}: shipped."


if __name__ == "__main__":
    agentsight.init(service_name="shop")
    # Only where none but your own services reach it: callers say whose conversation it is.
    app = ConversationMiddleware(server.streamable_http_app(), accept_baggage=True)
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
