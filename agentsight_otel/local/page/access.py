"""Who may see the page: this machine only, or whoever has the token; and what a browser may do with it."""

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "agentsight_token"

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_PUBLIC = ("/static/app.css",)
_COOKIE_SECONDS = 30 * 86_400
_MOST_FORM_BYTES = 4096
_SIGN_IN = """<!doctype html><html lang="en"><meta charset="utf-8"><title>AgentSight: sign in</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="/static/app.css">
<body class="sign-in"><main><form method="post" action="/sign-in"><h1>AgentSight</h1>
<p>{said}</p><label for="token">Token</label><input id="token" name="token" type="password" autofocus required
autocomplete="current-password"><button class="primary">Sign in</button></form></main></body></html>"""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address that a server listens on."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """Middleware: checks the Host header and the token, adds the security headers.

    A page of another site cannot reach this one through a name of its own that it points at 127.0.0.1 (DNS
    rebinding): only addresses and the names given are answered to.

    Args:
        app: What it guards.
        names: Host names to answer to, beside addresses.
        token: Demanded of everybody where it is not None: as ``?token=``, cookie, or ``Authorization: Bearer``.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str] = ("localhost",), token: str | None = None) -> None:
        self._app = app
        self._names = {name.lower() for name in names}
        self._digest = None if token is None else _digest(token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        answer = await self._refusal(Request(scope, receive))
        await (answer or self._app)(scope, receive, send_guarded)

    async def _refusal(self, request: Request) -> Response | None:
        """What to answer instead; None where the request may pass."""
        if not self._answers_to(request.headers.get("host", "")):
            return PlainTextResponse("this host name is not one of mine; use http://127.0.0.1 or its address\n", 421)
        if (
            request.headers.get("sec-fetch-site") == "cross-site"
            and request.headers.get("sec-fetch-mode") != "navigate"
        ):
            return PlainTextResponse("not for other sites\n", 403)
        if self._digest is None:
            return None
        if request.url.path == "/sign-in" and request.method == "POST":
            return await self._sign_in(request)
        if "token" in request.query_params:
            if not self._is_token(request.query_params["token"]):
                return self._sign_in_page("That is not the token.")
            rest = urlencode([pair for pair in parse_qsl(request.url.query) if pair[0] != "token"])
            return self._signed_in(request.url.path + (f"?{rest}" if rest else ""), request.query_params["token"])
        kind, _, bearer = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and self._is_token(bearer.strip()):
            return None
        if self._is_token(request.cookies.get(COOKIE, "")) or request.url.path in _PUBLIC:
            return None
        if request.url.path.startswith(("/api/", "/static/")):
            return PlainTextResponse("a token is needed\n", 401, {"WWW-Authenticate": "Bearer"})
        return self._sign_in_page("This page needs the token that agentsight-otel up was started with.")

    def _answers_to(self, host: str) -> bool:
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        name = name.strip("[]").lower()
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _is_token(self, given: str) -> bool:
        return self._digest is not None and hmac.compare_digest(_digest(given), self._digest)

    async def _sign_in(self, request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MOST_FORM_BYTES:
                return PlainTextResponse("too long\n", 413)
        token = dict(parse_qsl(body.decode("utf-8", "replace"))).get("token", "")
        return self._signed_in("/", token) if self._is_token(token) else self._sign_in_page("That is not the token.")

    def _sign_in_page(self, said: str) -> Response:
        return HTMLResponse(_SIGN_IN.format(said=said), 401)

    def _signed_in(self, to: str, token: str) -> Response:
        # One slash: "//host" would lead to another site.
        answer = RedirectResponse("/" + to.lstrip("/"), 303)
        answer.set_cookie(COOKIE, token, max_age=_COOKIE_SECONDS, httponly=True, samesite="strict")
        return answer


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
