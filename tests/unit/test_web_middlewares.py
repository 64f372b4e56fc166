"""The middlewares under FastAPI and Flask."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, WebSocket
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from flask import Flask, Response
from opentelemetry import context as otel_context
from opentelemetry import trace

import agentsight_otel as agentsight
from agentsight_otel._tracing import context
from agentsight_otel._tracing.runtime import TRACER_NAME as OURS
from agentsight_otel.integrations import asgi, wsgi
from agentsight_otel.testing import Capture, capture

PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5"
    " Mobile/15E148 Safari/604.1"
)
HEADERS = {
    "User-Agent": PHONE,
    "Accept-Language": "el-GR,en;q=0.5",
    "X-Conversation-Id": "c1",
    "X-Forwarded-For": "6.6.6.6, 9.9.9.9",
}
VISITOR = {
    "agentsight.conversation.device": "mobile",
    "agentsight.conversation.language": "el-GR",
    "agentsight.conversation.source": "web",
    "client.address": "9.9.9.0",
}
IDENTITY = {"gen_ai.conversation.id": "c1", **VISITOR}


@pytest.fixture
def spans() -> Iterator[Capture]:
    token = otel_context.attach(otel_context.Context())
    with capture(fixed=False) as captured:
        yield captured
    otel_context.detach(token)


def identities(spans: Capture) -> list[dict[str, Any]]:
    """Of our spans by start, without what is not identity: FastAPI traces by itself where a global provider is."""
    keep = {*IDENTITY, "user.id", "geo.country.iso_code"}
    ours = [span for span in spans.finished if span.instrumentation_scope and span.instrumentation_scope.name == OURS]
    ordered = sorted(ours, key=lambda span: span.start_time or 0)
    return [{key: value for key, value in (span.attributes or {}).items() if key in keep} for span in ordered]


def fastapi_app(**settings: Any) -> FastAPI:
    app = FastAPI()
    app.add_middleware(asgi.ConversationMiddleware, **{"source": "Web", "trusted_proxies": 1, **settings})

    @app.post("/chat")
    async def chat() -> str:
        agentsight.user_message("hi")
        return context.current_conversation().id

    @app.post("/threaded")
    def threaded() -> str:
        agentsight.user_message("hi")
        return context.current_conversation().id

    @app.post("/body")
    async def body(message: dict[str, str]) -> None:
        agentsight.get_or_create_conversation(message["id"], customer_id="u1", device=message.get("device"))

    @app.post("/elsewhere")
    async def elsewhere() -> None:
        agentsight.get_or_create_conversation("c2", customer_ip_address="8.8.8.8", country="us")

    @app.post("/stream")
    async def stream() -> StreamingResponse:
        async def words() -> AsyncIterator[str]:
            for word in ("a", "b"):
                await asyncio.sleep(0)
                agentsight.agent_message(word)
                yield word

        return StreamingResponse(words())

    @app.post("/fail")
    async def fail() -> None:
        raise KeyError("theirs")

    @app.websocket("/ws")
    async def websocket(socket: WebSocket) -> None:
        await socket.accept()
        agentsight.user_message(await socket.receive_text())
        await socket.send_text(context.current_conversation().id)

    return app


@pytest.mark.parametrize("path", ["/chat", "/threaded"])
def test_a_request_is_handled_in_its_conversation(spans: Capture, path: str) -> None:
    with TestClient(fastapi_app(conversation_id="x-conversation-id")) as client:
        assert client.post(path, headers=HEADERS).json() == "c1"
        assert client.post(path, headers={"User-Agent": PHONE}).json() == ""
    assert identities(spans)[0] == IDENTITY
    assert context.current_conversation().id == ""


def test_streams_and_websockets_are_handled_in_it_to_their_end(spans: Capture) -> None:
    with TestClient(fastapi_app(conversation_id="x-conversation-id")) as client:
        assert client.post("/stream", headers=HEADERS).text == "ab"
        with client.websocket_connect("/ws", headers=HEADERS) as socket:
            socket.send_text("hi")
            assert socket.receive_text() == "c1"
    assert identities(spans) == [IDENTITY] * 3


def test_an_error_of_the_application_passes(spans: Capture) -> None:
    with TestClient(fastapi_app(conversation_id="x-conversation-id")) as client:
        with pytest.raises(KeyError, match="theirs"):
            client.post("/fail", headers=HEADERS)
    assert context.current_conversation().id == ""


def test_a_conversation_that_the_application_names_takes_what_the_request_tells_and_its_own_word_wins(
    spans: Capture,
) -> None:
    with TestClient(fastapi_app()) as client:
        client.post("/body", headers=HEADERS, json={"id": "c1"})
        client.post("/body", headers=HEADERS, json={"id": "c1", "device": "tablet"})
        client.post("/elsewhere", headers=HEADERS)
    assert identities(spans) == [
        {**IDENTITY, "user.id": "u1"},
        {**IDENTITY, "user.id": "u1", "agentsight.conversation.device": "tablet"},
        {
            **IDENTITY,
            "gen_ai.conversation.id": "c2",
            "client.address": "8.8.8.0",
            "geo.country.iso_code": "US",
        },
    ]


def test_a_callable_says_which_conversation_or_that_there_is_none(spans: Capture) -> None:
    def identify(scope: Any) -> dict[str, str] | None:
        return {"conversation_id": "c9", "language": "fr"} if scope["path"] == "/chat" else None

    with TestClient(fastapi_app(conversation_id=identify)) as client:
        assert client.post("/chat", headers=HEADERS).json() == "c9"
        client.post("/body", headers=HEADERS, json={"id": "c1"})
    assert identities(spans) == [
        {**IDENTITY, "gen_ai.conversation.id": "c9", "agentsight.conversation.language": "fr"},
        {"gen_ai.conversation.id": "c1", "user.id": "u1"},
    ]


def test_a_callable_that_fails_leaves_the_request_alone() -> None:
    def identify(scope: Any) -> str:
        raise RuntimeError("broken")

    with capture(raise_errors=False), TestClient(fastapi_app(conversation_id=identify)) as client:
        assert client.post("/chat", headers=HEADERS).json() == ""


def test_requests_at_once_do_not_mix(spans: Capture) -> None:
    app = fastapi_app(conversation_id="x-conversation-id")

    async def main() -> list[str]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            paths = ("/chat", "/threaded", "/stream")
            answers = await asyncio.gather(
                *(
                    client.post(paths[number % 3], headers={**HEADERS, "X-Conversation-Id": f"c{number}"})
                    for number in range(30)
                )
            )
        return [answer.json() for number, answer in enumerate(answers) if number % 3 < 2]

    assert asyncio.run(main()) == [f"c{number}" for number in range(30) if number % 3 < 2]


def test_a_client_that_goes_away_leaves_no_conversation_behind(spans: Capture) -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(context.current_conversation().id)
        await asyncio.sleep(60)

    async def main() -> str:
        wrapped = asgi.ConversationMiddleware(app, conversation_id="x-conversation-id")
        scope = {"type": "http", "headers": [(b"x-conversation-id", b"c1")], "client": None}
        request = asyncio.ensure_future(wrapped(scope, _nothing, _nothing))
        await asyncio.sleep(0)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        return context.current_conversation().id

    assert asyncio.run(main()) == ""
    assert seen == ["c1"]


async def _nothing(*_: Any) -> None:
    return None


def test_baggage_of_a_caller_is_believed_only_where_asked_for(spans: Capture) -> None:
    carried = {**HEADERS, "baggage": "gen_ai.conversation.id=c7,agentsight.conversation.device=tablet,user.id=u9"}
    del carried["X-Conversation-Id"]
    for accept, expected in ((False, ""), (True, "c7")):
        app = fastapi_app(conversation_id="x-conversation-id", accept_baggage=accept)
        with TestClient(app) as client:
            assert client.post("/chat", headers=carried).json() == expected
            assert client.post("/chat", headers={**carried, "X-Conversation-Id": "c1"}).json() == "c1"
    believed = identities(spans)[2]
    assert believed == {
        **IDENTITY,
        "gen_ai.conversation.id": "c7",
        "agentsight.conversation.device": "tablet",
    }


def flask_app(**settings: Any) -> Flask:
    app = Flask(__name__)
    middleware = wsgi.ConversationMiddleware(app.wsgi_app, **{"source": "web", "trusted_proxies": 1, **settings})
    app.wsgi_app = middleware  # type: ignore[method-assign]

    @app.post("/chat")
    def chat() -> str:
        agentsight.user_message("hi")
        return context.current_conversation().id

    @app.post("/stream")
    def stream() -> Response:
        agentsight.get_or_create_conversation("c5")

        def words() -> Iterator[str]:
            for word in ("a", "b"):
                agentsight.agent_message(word)
                yield word

        return Response(words())

    @app.post("/fail")
    def fail() -> str:
        raise KeyError("theirs")

    return app


def test_flask_handles_a_request_in_its_conversation(spans: Capture) -> None:
    client = flask_app(conversation_id="X-Conversation-Id").test_client()
    assert client.post("/chat", headers=HEADERS).text == "c1"
    assert client.post("/chat").text == ""
    assert identities(spans)[0] == IDENTITY


def test_flask_streams_in_the_conversation_and_not_between_the_steps(spans: Capture) -> None:
    client = flask_app().test_client()
    response = client.post("/stream", headers=HEADERS, buffered=False)
    seen = []
    for chunk in response.response:
        seen.append((chunk, context.current_conversation().id))
    response.close()
    assert seen == [(b"a", ""), (b"b", "")]
    assert identities(spans) == [{**IDENTITY, "gen_ai.conversation.id": "c5"}] * 3


def test_flask_errors_pass(spans: Capture) -> None:
    app = flask_app(conversation_id="X-Conversation-Id")
    app.testing = True
    with pytest.raises(KeyError, match="theirs"):
        app.test_client().post("/fail", headers=HEADERS)
    assert context.current_conversation().id == ""


def test_wsgi_bodies_that_servers_know_stay_what_they_are(spans: Capture) -> None:
    body = [b"done"]
    assert wsgi.ConversationMiddleware(lambda environ, start: body)({}, lambda *_: None) is body


def test_nothing_is_read_while_nothing_is_recorded() -> None:
    agentsight.shutdown()

    def identify(scope: Any) -> str:
        raise AssertionError("not called")

    with TestClient(fastapi_app(conversation_id=identify)) as client:
        assert client.post("/chat").json() == ""
    assert not trace.get_current_span().get_span_context().is_valid
