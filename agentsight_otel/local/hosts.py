"""The host names to which, and the web pages for which, the local services answer.

They answer only to IP addresses and configured host names, so that a page of another site cannot reach them through a
name of its own that resolves to 127.0.0.1 (DNS rebinding).
"""

import ipaddress
from collections.abc import Collection, Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ASKED_METHOD = "access-control-request-method"


def is_loopback(host: str) -> bool:
    """Whether an address on which a server listens can be reached only from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def answers_to(host: str, names: Collection[str]) -> bool:
    """Whether a request with this Host header is answered: the host is an IP address or one of the names.

    Args:
        host: The Host header; '' where there is none.
        names: The host names, in lower case.
    """
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    name = name.strip("[]").lower()
    if name in names:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def wrong_host() -> Response:
    """The response to a request with another host name."""
    return PlainTextResponse("this host name is not one of mine; use http://127.0.0.1 or its address\n", 421)


class SenderGuard:
    """Middleware of the receiver: all programs may send, but of web pages only those of the configured origins.

    Args:
        app: The application that it protects.
        names: Host names to answer to, besides IP addresses.
        origins: Origins of web pages that may send, such as ``http://localhost:3000``.
    """

    def __init__(self, app: ASGIApp, names: Collection[str] = ("localhost",), origins: Sequence[str] = ()) -> None:
        self._app = app
        self._names = {name.lower() for name in names}
        self._origins = frozenset(origin.rstrip("/").lower() for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if not answers_to(headers.get("host", ""), self._names):
            await wrong_host()(scope, receive, send)
        elif origin is None and headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
            await self._app(scope, receive, send)
        elif origin is None or origin.lower() not in self._origins:
            await PlainTextResponse("not for web pages\n", 403)(scope, receive, send)
        elif scope["method"] == "OPTIONS" and _ASKED_METHOD in headers:
            allowed = {"Access-Control-Allow-Methods": "POST", "Access-Control-Max-Age": "600",
                       "Access-Control-Allow-Headers": "content-type, content-encoding"}  # fmt: skip
            await Response(status_code=204, headers={**allowed, **_for(origin)})(scope, receive, send)
        else:

            async def send_allowed(message: Message) -> None:
                if message["type"] == "http.response.start":
                    MutableHeaders(scope=message).update(_for(origin))
                await send(message)

            await self._app(scope, receive, send_allowed)


def _for(origin: str) -> dict[str, str]:
    return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
