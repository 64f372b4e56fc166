"""The middlewares around Django, under WSGI and ASGI."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import django
import httpx
import pytest
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test.utils import override_settings
from django.urls import path
from opentelemetry import context as otel_context
from werkzeug.test import Client

import agentsight_otel as agentsight
from agentsight_otel._tracing import context
from agentsight_otel.integrations import asgi, wsgi
from agentsight_otel.testing import Capture, capture

if not settings.configured:
    settings.configure(DEFAULT_CHARSET="utf-8")
    django.setup()

HEADERS = {"X-Conversation-Id": "c1", "Accept-Language": "el"}


def chat(request: HttpRequest) -> HttpResponse:
    with agentsight.turn():
        agentsight.user_message("hello")
        return HttpResponse(context.current_conversation().id)


@agentsight.turn
def stream(request: HttpRequest) -> StreamingHttpResponse:
    def words() -> Iterator[str]:
        for word in ("a", "b"):
            agentsight.agent_message(word)
            yield f"{word}:{context.current_conversation().id} "

    return StreamingHttpResponse(words())


@agentsight.turn
async def async_stream(request: HttpRequest) -> StreamingHttpResponse:
    async def words() -> AsyncIterator[str]:
        for word in ("a", "b"):
            await asyncio.sleep(0)
            agentsight.agent_message(word)
            yield f"{word}:{context.current_conversation().id} "

    return StreamingHttpResponse(words())


def fail(request: HttpRequest) -> HttpResponse:
    raise KeyError("theirs")


urlpatterns = [path("chat", chat), path("stream", stream), path("async", async_stream), path("fail", fail)]


@pytest.fixture
def spans() -> Iterator[Capture]:
    token = otel_context.attach(otel_context.Context())
    with (
        override_settings(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], DEBUG_PROPAGATE_EXCEPTIONS=True),
        capture(fixed=False) as captured,
    ):
        yield captured
    assert context.current_conversation().id == ""
    otel_context.detach(token)


def wsgi_get(path: str) -> str:
    app: Any = wsgi.ConversationMiddleware(WSGIHandler(), conversation_id="X-Conversation-Id", source="web")
    response = Client(app).get(path, headers=HEADERS)
    assert response.status_code == 200
    return response.get_data(as_text=True)


def asgi_get(path: str) -> str:
    app: Any = asgi.ConversationMiddleware(ASGIHandler(), conversation_id="X-Conversation-Id", source="web")

    async def get() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
            return await client.get(path, headers=HEADERS)

    response = asyncio.run(get())
    assert response.status_code == 200
    return response.text


@pytest.mark.parametrize(
    ("get", "path", "text", "senders"),
    [
        (wsgi_get, "/chat", "c1", ["end_user"]),
        (wsgi_get, "/stream", "a:c1 b:c1 ", ["agent", "agent"]),
        (asgi_get, "/chat", "c1", ["end_user"]),
        (asgi_get, "/async", "a:c1 b:c1 ", ["agent", "agent"]),
    ],
)
def test_a_request_and_its_stream_are_handled_in_the_conversation(
    spans: Capture, get: Any, path: str, text: str, senders: list[str]
) -> None:
    assert get(path) == text
    (turn,) = spans.finished
    attributes = turn.attributes or {}
    assert attributes["gen_ai.conversation.id"] == "c1"
    assert attributes["agentsight.conversation.language"] == "el"
    assert attributes["agentsight.conversation.source"] == "web"
    assert attributes["agentsight.turn.complete"] is True
    assert [(event.attributes or {})["agentsight.message.sender"] for event in turn.events] == senders


@pytest.mark.parametrize("get", [wsgi_get, asgi_get])
def test_errors_pass(spans: Capture, get: Any) -> None:
    with pytest.raises(KeyError, match="theirs"):
        get("/fail")
