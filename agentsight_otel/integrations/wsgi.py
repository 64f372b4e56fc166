"""WSGI middleware (Flask, Django, …): the conversation of each request.

app.wsgi_app = ConversationMiddleware(app.wsgi_app, conversation_id="X-Conversation-Id", source="web")
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from agentsight_otel import context
from agentsight_otel.context import Scope
from agentsight_otel.integrations import visitor
from agentsight_otel.integrations.visitor import Request

Environ = dict[str, Any]


class ConversationMiddleware(visitor.ConversationMiddleware):
    """For WSGI."""

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Handles one request; raises what the application raises."""
        work = self._scope_of(_request(environ))
        if work is None:
            passed: Iterable[bytes] = self.app(environ, start_response)
            return passed
        token = context.attach(work.context)
        try:
            body: Iterable[bytes] = self.app(environ, start_response)
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
