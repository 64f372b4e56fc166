"""Flask: the conversation begins before the request is handled; the stream is read when the view has returned."""

import chatbot
from flask import Flask, Response, request

import agentsight_otel as agentsight

agentsight.init(service_name="flask")
app = Flask(__name__)


@app.before_request
def begin() -> None:
    cid = request.args["cid"]
    agentsight.get_or_create_conversation(cid, customer_id="u1", device="mobile", source="web", language="en")


@app.post("/tool")
@agentsight.turn(agent="support")
def tool() -> str:
    return chatbot.answer("tool")


@app.post("/stream")
def stream() -> Response:
    with agentsight.turn(agent="support"):
        return agentsight.wrap(Response(chatbot.words()))


@app.post("/error")
@agentsight.turn(agent="support")
def error() -> str:
    return chatbot.answer("error")
