"""ASGI middleware (FastAPI, Starlette, Django, Quart, …): the conversation of each request and websocket.

app.add_middleware(ConversationMiddleware, conversation_id="x-conversation-id", source="web", trusted_proxies=1)
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from agentsight_otel._recording.web_requests import asgi_request
from agentsight_otel.integrations import visitor
from agentsight_otel.integrations.visitor import Request

ASGIScope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class ConversationMiddleware(visitor.ConversationMiddleware):
    """The middleware for ASGI: handles HTTP requests and websockets in their conversation."""

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Handles one connection; raises what the application raises."""
        request = self._surroundings_of(_request(scope)) if scope["type"] in ("http", "websocket") else None
        if request is None:
            await self.app(scope, receive, send)
        else:
            await asgi_request(self.app, request, scope, receive, send)


def _request(scope: ASGIScope) -> Request:
    def header(name: str) -> list[str]:
        wanted = name.encode("latin-1", "replace")
        return [value.decode("latin-1") for key, value in scope.get("headers") or () if key.lower() == wanted]

    client = scope.get("client")
    return Request(scope, header, str(client[0]) if client else "")
