"""A chat behind FastAPI, written in the ways in which applications are, and what was recorded of it."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import uvicorn
from fastapi import BackgroundTasks, Depends, FastAPI
from fastapi.responses import StreamingResponse
from opentelemetry.sdk.trace import TracerProvider
from starlette.requests import Request

import agentsight_otel as agentsight
from agentsight_otel import conversation_tracker as tracker
from agentsight_otel.testing import Capture

TOGETHER = 8

POOL = ThreadPoolExecutor(4)


def begin(cid: str) -> str:
    tracker.get_or_create_conversation(cid, device="mobile")
    time.sleep(0.002)
    return cid


async def begin_async(cid: str) -> str:
    tracker.get_or_create_conversation(cid, device="mobile")
    await asyncio.sleep(0.002)
    return cid


def ask(cid: str) -> None:
    tracker.track_human_message(f"q {cid}")


def answer(cid: str) -> None:
    tracker.track_agent_message(f"a {cid}")
    tracker.send_tracked_data()


def look_up(cid: str) -> None:
    tracker.track_action(f"tool {cid}", duration_ms=1)


def chat(provider: TracerProvider | None) -> FastAPI:
    """The chat; FastAPI opens spans of its own if there is a provider for them."""
    app = FastAPI(telemetry={"tracer_provider": provider} if provider else {"tracing": False})
    app.state.going_on = going_on = []

    @app.post("/stream-async")
    async def stream_async(cid: str) -> StreamingResponse:
        begin(cid)
        ask(cid)

        async def body() -> AsyncIterator[str]:
            await asyncio.sleep(0.002)
            yield "a"
            answer(cid)
            yield "b"

        return StreamingResponse(body())

    @app.post("/stream-sync")
    def stream_sync(cid: str) -> StreamingResponse:
        begin(cid)
        ask(cid)

        def body() -> Iterator[str]:
            yield "a"
            answer(cid)
            yield "b"

        return StreamingResponse(body())

    @app.post("/depends-sync")
    def depends_sync(cid: str = Depends(begin)) -> None:
        ask(cid)
        answer(cid)

    @app.post("/depends-sync-in-async")
    async def depends_sync_in_async(cid: str = Depends(begin)) -> StreamingResponse:
        ask(cid)

        async def body() -> AsyncIterator[str]:
            answer(cid)
            yield "b"

        return StreamingResponse(body())

    @app.post("/depends-async")
    async def depends_async(cid: str = Depends(begin_async)) -> None:
        ask(cid)
        await asyncio.sleep(0.002)
        answer(cid)

    @app.post("/executor")
    async def executor(cid: str) -> None:
        await asyncio.get_running_loop().run_in_executor(None, begin, cid)
        ask(cid)
        answer(cid)

    @app.post("/tool-in-pool")
    def tool_in_pool(cid: str) -> None:
        begin(cid)
        ask(cid)
        list(POOL.map(look_up, [cid]))
        answer(cid)

    @app.middleware("http")
    async def middleware(request: Request, call_next: Any) -> Any:
        cid = request.query_params.get("cid", "")
        if request.url.path == "/begun-in-middleware":
            await begin_async(cid)
        response = await call_next(request)
        if request.url.path == "/answered-in-middleware":
            answer(cid)
        return response

    @app.post("/begun-in-middleware")
    def begun_in_middleware(cid: str) -> None:
        ask(cid)
        answer(cid)

    @app.post("/answered-in-middleware")
    def answered_in_middleware(cid: str) -> None:
        begin(cid)
        ask(cid)

    @app.post("/background")
    async def background(cid: str, tasks: BackgroundTasks) -> None:
        await asyncio.to_thread(begin, cid)
        ask(cid)
        tasks.add_task(answer, cid)

    def lasting(cid: str) -> Iterator[None]:
        begin(cid)
        yield
        answer(cid)

    @app.post("/depends-generator", dependencies=[Depends(lasting)])
    def depends_generator(cid: str) -> None:
        ask(cid)

    @app.post("/fire-and-forget")
    async def fire_and_forget(cid: str) -> None:
        begin(cid)
        ask(cid)

        async def later() -> None:
            await asyncio.sleep(0.01)
            answer(cid)

        going_on.append(asyncio.create_task(later()))

    @app.post("/answer-in-thread")
    def answer_in_thread(cid: str) -> None:
        begin(cid)
        ask(cid)
        thread = threading.Thread(target=answer, args=(cid,))
        thread.start()
        thread.join()

    return app


def serve(app: FastAPI, ids: list[str], *, together: int) -> None:
    """Posts one request for each id, to the path that it begins with."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]

    def post(cid: str) -> None:
        assert client.post(f"/{cid.rpartition('-')[0]}", params={"cid": cid}).status_code == 200

    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        with ThreadPoolExecutor(together) as clients:
            list(clients.map(post, ids))
    while not all(task.done() for task in getattr(app.state, "going_on", ())):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    server.should_exit = True
    thread.join(30)
    agentsight.shutdown()


def told(spans: Capture) -> dict[str | None, list[str]]:
    """What was said and done, by conversation."""
    found: dict[str | None, list[str]] = {}
    for span in spans.finished:
        cid: str | None = (span.attributes or {}).get("gen_ai.conversation.id")  # type: ignore[assignment]
        texts = [str((event.attributes or {})["agentsight.message.content"]) for event in span.events]
        if span.name.startswith("execute_tool"):
            texts.append(span.name.removeprefix("execute_"))
        if texts:
            found.setdefault(cid, []).extend(texts)
    return {cid: sorted(texts) for cid, texts in found.items()}


def whole(cid: str) -> list[str]:
    return sorted([f"q {cid}", f"a {cid}"] + [f"tool tool {cid}"] * cid.startswith("tool-in-pool"))
