"""FastAPI, its newest and its oldest: a dependency that is no coroutine begins the conversation, in a thread."""

from collections.abc import Iterator

import chatbot
from fastapi import Depends, FastAPI
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.requests import Request

import agentsight_otel as agentsight

agentsight.init(service_name="fastapi")
app = FastAPI()


def begin(cid: str) -> str:
    agentsight.get_or_create_conversation(cid, customer_id="u1", device="mobile", source="web", language="en")
    return cid


@app.post("/tool")
async def tool(cid: str = Depends(begin)) -> str:
    with agentsight.turn(agent="support"):
        return chatbot.answer("tool")


@app.post("/stream")
def stream(cid: str = Depends(begin)) -> StreamingResponse:
    @agentsight.turn(agent="support")
    def turn() -> Iterator[str]:
        yield from chatbot.words()

    return StreamingResponse(turn())


@app.post("/error")
def error(cid: str = Depends(begin)) -> str:
    with agentsight.turn(agent="support"):
        return chatbot.answer("error")


@app.exception_handler(Exception)
async def failed(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": str(error)}, 500)
