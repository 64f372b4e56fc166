"""Who may see the page: only this machine, or everybody who has the token; and what a browser may do with it."""

import hashlib
import hmac
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentsight_otel.local.hosts import answers_to, wrong_host
from agentsight_otel.local.page.bodies import TooSlow, small_body
from agentsight_otel.local.page.guesses import WINDOW_S, Guesses

COOKIE = "agentsight_token"
"""The beginning of the cookie's name; the port follows, because browsers send a cookie to all ports of a host."""

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
_SIGN_IN = """<!doctype html><html lang="en"><meta charset="utf-8"><title>AgentSight: sign in</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="/static/app.css">
<body class="sign-in"><main><form method="post" action="/sign-in"><h1>AgentSight</h1>
<p>{said}</p><label for="token">Token</label><input id="token" name="token" type="password" autofocus required
autocomplete="current-password"><button class="primary">Sign in</button></form></main></body></html>"""


class Guard:
    """Middleware: checks the Host header and the token, and adds the security headers.

    Args:
        app: The application that it protects.
        names: Host names to answer to, besides IP addresses.
        token: The token that every request needs, as ``?token=`` or ``Authorization: Bearer``; None for no token.
        cookie_key: The secret key of the cookies of browsers that have signed in.
    """

    def __init__(
        self, app: ASGIApp, names: Iterable[str] = ("localhost",), token: str | None = None, cookie_key: bytes = b""
    ) -> None:
        self._app = app
        self._names = {name.lower() for name in names}
        self._digest = None if token is None else _digest(token.encode("utf-8", "surrogateescape"))
        self._guesses = Guesses(token or "")
        # The cookie's value is not the token: somebody who finds it can use it only with this page.
        self._ticket = hmac.digest(cookie_key, self._digest or b"", "sha256").hex()

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
        """The response to a request that is refused, or that signs in; None where the request may pass."""
        if not answers_to(request.headers.get("host", ""), self._names):
            return wrong_host()
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
            rest = urlencode([pair for pair in parse_qsl(request.url.query) if pair[0] != "token"])
            to = request.url.path + (f"?{rest}" if rest else "")
            return self._signed_in_by(request, request.query_params["token"].encode("utf-8", "surrogateescape"), to)
        if hmac.compare_digest(request.cookies.get(_cookie(request), "").encode(), self._ticket.encode()):
            return None
        kind, _, bearer = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            # Starlette decodes headers as Latin-1. Clients send letters beyond ASCII in Latin-1 or in UTF-8.
            sent = bearer.strip()
            is_right = self._is_token(request, sent.encode("latin-1"), sent.encode())
            return None if is_right else _too_many() if is_right is None else _token_needed()
        if request.url.path in _PUBLIC:
            return None
        if request.url.path.startswith(("/api/", "/static/")):
            return _token_needed()
        return self._sign_in_page("This page needs the token that agentsight-otel up printed or was started with.")

    def _is_token(self, request: Request, *candidates: bytes) -> bool | None:
        """Whether one of the candidates is the token; None where too many wrong ones came before."""
        address = request.client.host if request.client else ""
        if self._guesses.refuses(address):
            return None
        right = self._digest or b""
        if any(hmac.compare_digest(_digest(candidate), right) for candidate in candidates):
            return True
        self._guesses.wrong(address)
        return None if self._guesses.too_many(address) else False

    async def _sign_in(self, request: Request) -> Response:
        try:
            body = await small_body(request)
        except ValueError as error:
            return PlainTextResponse(f"{error}\n", 413)
        except TooSlow as error:
            return PlainTextResponse(f"{error}\n", 408, {"Connection": "close"})
        except ClientDisconnect:
            return Response(status_code=400)
        token = dict(parse_qsl(body, keep_blank_values=True)).get(b"token", b"")
        return self._signed_in_by(request, token, "/")

    def _signed_in_by(self, request: Request, token: bytes, to: str) -> Response:
        is_right = self._is_token(request, token)
        if not is_right:
            return _too_many() if is_right is None else self._sign_in_page("That is not the token.")
        # Exactly one slash: a redirect to "//host" would lead to another site.
        answer = RedirectResponse("/" + to.lstrip("/"), 303)
        answer.set_cookie(_cookie(request), self._ticket, max_age=_COOKIE_SECONDS, httponly=True, samesite="strict")
        return answer

    def _sign_in_page(self, message: str) -> Response:
        return HTMLResponse(_SIGN_IN.format(said=message), 401)


def _token_needed() -> Response:
    return PlainTextResponse("a token is needed\n", 401, {"WWW-Authenticate": "Bearer"})


def _too_many() -> Response:
    return PlainTextResponse("too many wrong tokens; try again in a minute\n", 429, {"Retry-After": f"{WINDOW_S:.0f}"})


def _cookie(request: Request) -> str:
    return f"{COOKIE}_{(request.scope.get('server') or ('', 0))[1]}"


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
