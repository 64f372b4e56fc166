"""WSGI middleware (Flask, Django, …): the conversation of each request.

app.wsgi_app = ConversationMiddleware(app.wsgi_app, conversation_id="X-Conversation-Id", source="web")
"""

from collections.abc import Callable, Iterable
from typing import Any

from agentsight_otel._recording.web_requests import wsgi_request
from agentsight_otel.integrations import visitor
from agentsight_otel.integrations.visitor import Request

Environ = dict[str, Any]


class ConversationMiddleware(visitor.ConversationMiddleware):
    """The middleware for WSGI: handles requests in their conversation."""

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Handles one request; raises what the application raises."""
        request = self._surroundings_of(_request(environ))
        if request is None:
            passed: Iterable[bytes] = self.app(environ, start_response)
            return passed
        return wsgi_request(self.app, request, environ, start_response)


def _request(environ: Environ) -> Request:
    def header(name: str) -> list[str]:
        value = environ.get("HTTP_" + name.upper().replace("-", "_"))
        return [str(value)] if value is not None else []

    return Request(environ, header, str(environ.get("REMOTE_ADDR") or ""))
