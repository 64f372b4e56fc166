"""ASGI middleware (FastAPI, Starlette, Django, Quart, …): the conversation of each request and websocket.

app.add_middleware(ConversationMiddleware, conversation_id="x-conversation-id", source="web", trusted_proxies=1)
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from agentsight_otel import context
from agentsight_otel.integrations.visitor import Identify, Request, Visitors

ASGIScope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
ASGIApp = Callable[[ASGIScope, Receive, Send], Awaitable[None]]


class ConversationMiddleware:
    """Handles each HTTP request and websocket in its conversation, streamed answers included.

    The device comes from the User-Agent (``pip install 'agentsight-otel[web]'``), the language from Accept-Language,
    the address from the connection or the proxies. What the application itself says of a conversation wins. Emits no
    span.

    Args:
        app: The application.
        conversation_id: The name of a header with the conversation's id; or a callable of the ASGI scope that returns
            the id, or a mapping of the arguments of ``conversation()`` which then win over the headers, or None for a
            request that is no chat. Default: the application makes the conversation current itself, and it takes what
            the request tells.
        source: web, whatsapp, …
        trusted_proxies: How many proxies of your own stand before the application. 0: the address is the peer's, and
            forwarding headers are not believed.
        forwarded_header: ``x-forwarded-for``, or ``forwarded`` (RFC 7239).
        accept_baggage: Believe the conversation that the caller says by W3C baggage, where ``conversation_id`` finds
            none. Only behind a gateway that removes the header from what comes from outside.

    Raises:
        SettingError: A value is wrong.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        conversation_id: Identify = None,
        source: str | None = None,
        trusted_proxies: int = 0,
        forwarded_header: str = "x-forwarded-for",
        accept_baggage: bool = False,
    ) -> None:
        self.app = app
        self._visitors = Visitors(conversation_id, source, trusted_proxies, forwarded_header, accept_baggage)

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Handles one connection; raises what the application raises."""
        work = self._visitors.scope_of(_request(scope)) if scope["type"] in ("http", "websocket") else None
        if work is None:
            await self.app(scope, receive, send)
            return
        token = context.attach(work.context)
        try:
            await self.app(scope, receive, send)
        finally:
            context.detach(token)


def _request(scope: ASGIScope) -> Request:
    def header(name: str) -> list[str]:
        wanted = name.encode("latin-1", "replace")
        return [value.decode("latin-1") for key, value in scope.get("headers") or () if key.lower() == wanted]

    client = scope.get("client")
    return Request(scope, header, str(client[0]) if client else "")
