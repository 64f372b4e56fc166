"""A chat over FastAPI that streams its answers. Run: uvicorn fastapi_chat:app

curl -N localhost:8000/chat -H 'Content-Type: application/json' -H 'X-Conversation-Id: c1' -d '{"text": "Hello"}'
"""

from collections.abc import AsyncIterator

import openai
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

import agentsight_otel as agentsight
from agentsight_otel.integrations.asgi import ConversationMiddleware

agentsight.init(service_name="fastapi-chat", instrument=True)
app = FastAPI()
app.add_middleware(ConversationMiddleware, conversation_id="x-conversation-id", source="web", trusted_proxies=0)
model = openai.AsyncOpenAI()


class Message(BaseModel):
    text: str


@app.post("/chat")
async def chat(message: Message) -> StreamingResponse:
    return StreamingResponse(answer(message.text), media_type="text/plain")


@agentsight.turn(agent="support")
async def answer(text: str) -> AsyncIterator[str]:
    agentsight.user_message(text)
    said = ""
    stream = await model.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": text}], stream=True
    )
    async for chunk in stream:
        if chunk.choices and (word := chunk.choices[0].delta.content):
            said += word
            yield word
    agentsight.agent_message(said)
