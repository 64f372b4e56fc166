"""An AWS Lambda function that answers a chat; its handler is lambda_handler.handle."""

from typing import Any

import openai

import agentsight_otel as agentsight
from agentsight_otel.integrations.aws_lambda import handler

agentsight.init(service_name="lambda-chat", instrument=True)  # at import: warm invocations share it
model = openai.OpenAI()


def conversation_of(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return {"conversation_id": event["session"], "customer_id": event.get("user"), "source": "whatsapp"}


@handler(conversation_id=conversation_of)
@agentsight.turn(agent="support")
def handle(event: dict[str, Any], context: Any) -> dict[str, str]:
    agentsight.user_message(event["text"])
    completion = model.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": event["text"]}]
    )
    said = completion.choices[0].message.content or ""
    agentsight.agent_message(said)
    return {"text": said}
