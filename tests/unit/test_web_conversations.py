"""A chat behind FastAPI, as applications are written: whatever is said has its conversation, and no other's."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from fastapi.responses import StreamingResponse
from flask import Flask, Response
from opentelemetry.sdk.trace import TracerProvider
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from werkzeug.test import Client

import agentsight_otel as agentsight
from agentsight_otel import conversation_tracker as tracker
from agentsight_otel._core import guard
from agentsight_otel._tracing import context
from agentsight_otel.integrations import asgi, wsgi
from agentsight_otel.testing import Capture
from tests.unit.web_chat import TOGETHER, answer, ask, begin, chat, serve, told, whole


@pytest.mark.parametrize("together", [1, TOGETHER], ids=["one after another", "at the same time"])
@pytest.mark.parametrize("provider", [None, TracerProvider()], ids=["no spans", "spans"])
def test_requests_are_whole_but_for_bare_threads_which_are_not_guessed(
    real_spans: Capture,
    provider: TracerProvider | None,
    together: int,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guard, "_said", {})  # nothing was said yet
    app = chat(provider)
    paths = sorted(path[1:] for path in app.openapi()["paths"])
    ids = [f"{path}-{number}" for number in range(together + 1) for path in paths]
    with caplog.at_level(logging.WARNING, "agentsight_otel"):
        serve(app, ids, together=together)
    found = told(real_spans)
    lost = found.pop(None, [])
    bare = [cid for cid in ids if cid.startswith("answer-in-thread")]
    assert {cid: found[cid] for cid in ids if cid not in bare} == {cid: whole(cid) for cid in ids if cid not in bare}
    for cid in bare:
        assert sorted(found[cid] + [text for text in lost if text == f"a {cid}"]) == whole(cid)
    assert not lost or "carry" in caplog.text
    if together == 1:
        assert found["answer-in-thread-0"] == whole("answer-in-thread-0")  # the only conversation that can be meant


def test_parts_of_a_request_with_different_conversations_leave_the_rest_of_it_without_one(real_spans: Capture) -> None:
    app = FastAPI()

    @app.post("/fan-out")
    async def fan_out() -> None:
        await asyncio.gather(*(asyncio.to_thread(each, f"c{number}") for number in range(4)))
        tracker.track_agent_message("whose?")

    def each(cid: str) -> None:
        begin(cid)
        together.wait(30)
        ask(cid)
        answer(cid)

    together = threading.Barrier(4)
    serve(app, ["fan-out-1"], together=1)
    assert told(real_spans) == {**{f"c{n}": [f"a c{n}", f"q c{n}"] for n in range(4)}, None: ["whose?"]}


def test_a_later_part_of_a_request_takes_the_place_of_one_that_is_over(real_spans: Capture) -> None:
    app = FastAPI()

    @app.post("/twice")
    def twice(anonymous: str = Depends(lambda: begin("anonymous"))) -> StreamingResponse:
        begin("known")
        ask("known")

        def body() -> Iterator[str]:
            answer("known")
            yield "a"

        return StreamingResponse(body())

    serve(app, ["twice-1"], together=1)
    assert told(real_spans) == {"known": ["a known", "q known"]}


def test_a_header_names_the_conversation_and_what_a_thread_of_the_request_says_takes_its_place(
    real_spans: Capture,
) -> None:
    app = chat(TracerProvider())
    app.add_middleware(asgi.ConversationMiddleware, conversation_id="x-conversation-id", source="web")

    @app.post("/header")
    async def header() -> StreamingResponse:
        async def body() -> AsyncIterator[str]:
            agentsight.agent_message("b")
            yield "b"

        agentsight.user_message("a")
        return StreamingResponse(body())

    async def main() -> None:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x", headers={"x-conversation-id": "h"}) as c:
            await c.post("/header")
            await c.post("/depends-sync-in-async", params={"cid": "c1"})

    asyncio.run(main())
    assert told(real_spans) == {"h": ["a", "b"], "c1": ["a c1", "q c1"]}
    assert {(span.attributes or {}).get("agentsight.conversation.source") for span in real_spans.finished} == {"web"}


def test_a_request_of_a_mounted_application_is_one_and_one_sent_in_process_is_another(real_spans: Capture) -> None:
    async def inner(request: Request) -> PlainTextResponse:
        await asyncio.to_thread(begin, request.query_params["cid"])
        return PlainTextResponse(context.current_conversation().id)

    class Noting:
        def __init__(self, app: Starlette) -> None:
            self.app = app

        async def __call__(self, scope: object, receive: object, send: object) -> None:
            await self.app(scope, receive, send)  # type: ignore[arg-type]
            seen.append(context.current_conversation().id)

    seen: list[str] = []
    mounted = Starlette(routes=[Route("/inner", inner)])
    app = Starlette(routes=[Mount("/mounted", mounted)])
    app.add_middleware(Noting)  # type: ignore[arg-type]

    async def main() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://x") as client:
            assert (await client.get("/mounted/inner", params={"cid": "outer"})).text == "outer"

        async def calling(request: Request) -> PlainTextResponse:
            begin("caller")
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://x") as client:
                await client.get("/mounted/inner", params={"cid": "called"})
            return PlainTextResponse(context.current_conversation().id)

        caller = Starlette(routes=[Route("/", calling)])
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=caller), base_url="http://x") as client:
            assert (await client.get("/")).text == "caller"

    asyncio.run(main())
    assert seen == ["outer", "called"]


def test_a_servers_thread_keeps_nothing_of_the_request_before(real_spans: Capture) -> None:
    app = Flask(__name__)

    @app.post("/chat/<cid>")
    def converse(cid: str) -> Response:
        begin(cid)
        ask(cid)

        def body() -> Iterator[str]:
            yield context.current_conversation().id
            answer(cid)

        return Response(body())

    @app.post("/rate")
    def rate() -> str:
        agentsight.feedback("positive")
        return context.current_conversation().id

    client = app.test_client()
    assert client.post("/chat/c1").text == "c1"
    assert client.post("/rate").text == ""
    assert client.post("/chat/c2").text == "c2"
    assert context.current_conversation().id == ""
    assert told(real_spans) == {"c1": ["a c1", "q c1"], "c2": ["a c2", "q c2"]}
    (rating,) = [span for span in real_spans.finished if span.name == "feedback"]
    assert "gen_ai.conversation.id" not in (rating.attributes or {})


@pytest.mark.parametrize("how", ["block", "call", "block, our middleware", "call, our middleware"])
def test_what_code_around_an_application_makes_current_is_so_inside_and_not_in_the_next_request(
    real_spans: Capture, how: str
) -> None:
    app = Flask(__name__)
    app.post("/")(lambda: context.current_conversation().id)
    inside: Any = wsgi.ConversationMiddleware(app, source="web") if "our middleware" in how else app

    def around(environ: dict[str, Any], start_response: Any) -> Any:
        cid = environ.get("HTTP_X_CID")
        if cid and how.startswith("block"):
            with agentsight.conversation(cid):
                return list(inside(environ, start_response))
        if cid:
            agentsight.get_or_create_conversation(cid)
        return inside(environ, start_response)

    client = Client(around)
    assert [client.post("/", headers={"X-Cid": cid} if cid else {}).text for cid in ("c1", "", "c2", "")] == [
        "c1",
        "",
        "c2",
        "",
    ]

    async def main() -> list[str]:
        async def endpoint(request: Request) -> PlainTextResponse:
            return PlainTextResponse(await asyncio.to_thread(lambda: context.current_conversation().id))

        starlette = Starlette(routes=[Route("/", endpoint)])
        asgi_app: Any = asgi.ConversationMiddleware(starlette) if "our middleware" in how else starlette

        async def asgi_around(scope: Any, receive: Any, send: Any) -> None:
            cid = dict(scope["headers"])[b"x-cid"].decode()
            if how.startswith("block"):
                with agentsight.conversation(cid):
                    await asgi_app(scope, receive, send)
            else:
                agentsight.get_or_create_conversation(cid)
                await asgi_app(scope, receive, send)

        transport = httpx.ASGITransport(app=asgi_around)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
            return [(await http.get("/", headers={"x-cid": cid})).text for cid in ("c3", "c4")]

    assert asyncio.run(main()) == ["c3", "c4"]
