"""WSGI middleware (Flask, Django, …): the conversation of each request.

app.wsgi_app = ConversationMiddleware(app.wsgi_app, conversation_id="X-Conversation-Id", source="web")
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from agentsight_otel import context
from agentsight_otel.context import Scope
from agentsight_otel.integrations.visitor import Identify, Request, Visitors

Environ = dict[str, Any]
WSGIApp = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class ConversationMiddleware:
    """Handles each request in its conversation, streamed answers included.

    The device comes from the User-Agent (``pip install 'agentsight-otel[web]'``), the language from Accept-Language,
    the address from the connection or the proxies. What the application itself says of a conversation wins. Emits no
    span.

    Args:
        app: The application.
        conversation_id: The name of a header with the conversation's id; or a callable of the WSGI environ that returns
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
        app: WSGIApp,
        *,
        conversation_id: Identify = None,
        source: str | None = None,
        trusted_proxies: int = 0,
        forwarded_header: str = "x-forwarded-for",
        accept_baggage: bool = False,
    ) -> None:
        self.app = app
        self._visitors = Visitors(conversation_id, source, trusted_proxies, forwarded_header, accept_baggage)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Handles one request; raises what the application raises."""
        work = self._visitors.scope_of(_request(environ))
        if work is None:
            return self.app(environ, start_response)
        token = context.attach(work.context)
        try:
            body = self.app(environ, start_response)
        finally:
            _leave(work, token)
        file_wrapper = environ.get("wsgi.file_wrapper")
        if isinstance(body, (list, tuple)) or (isinstance(file_wrapper, type) and isinstance(body, file_wrapper)):
            return body  # nothing runs any more, and servers send these faster
        return _Body(body, work)


class _Body:
    """A streamed answer; the conversation is current within each step alone."""

    def __init__(self, body: Iterable[bytes], work: Scope) -> None:
        self._body = body
        self._steps: Iterator[bytes] | None = None
        self._work = work

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        token = context.attach(self._work.context)
        try:
            if self._steps is None:
                self._steps = iter(self._body)
            return next(self._steps)
        finally:
            _leave(self._work, token)

    def close(self) -> None:
        """Closes the application's body; the server calls it."""
        close = getattr(self._body, "close", None)
        if close is None:
            return
        token = context.attach(self._work.context)
        try:
            close()
        finally:
            _leave(self._work, token)


def _leave(work: Scope, token: Any) -> None:
    work.context = context.current_context()  # what the application made current is so again in the next step
    context.detach(token)


def _request(environ: Environ) -> Request:
    def header(name: str) -> list[str]:
        value = environ.get("HTTP_" + name.upper().replace("-", "_"))
        return [str(value)] if value is not None else []

    return Request(environ, header, str(environ.get("REMOTE_ADDR") or ""))
