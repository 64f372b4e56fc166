"""Chatwoot's conversations, as its API returns them."""

from typing import Any

from agentsight_otel.replay import fields
from agentsight_otel.replay.fields import Notes, document, listed, optional_text, shown
from agentsight_otel.replay.transcripts import Feedback, Message, Transcript

_TYPES = {
    "0": "user",
    "incoming": "user",
    "1": "assistant",
    "outgoing": "assistant",
    "2": "",
    "activity": "",
    "3": "assistant",
    "template": "assistant",
}


def _messages(value: Any) -> list[Any] | None:
    if not isinstance(value, dict):
        return None
    messages = value.get("messages", value.get("payload"))
    if isinstance(messages, list) and any(
        isinstance(message, dict) and "message_type" in message for message in messages
    ):
        return messages
    return None


def recognises(value: Any) -> bool:
    """Whether a value is a conversation whose messages have a message_type."""
    return _messages(value) is not None


def transcript(value: Any, notes: Notes) -> Transcript:
    """Reads one conversation; private notes and activities are left out."""
    messages: list[Message] = []
    feedback: list[Feedback] = []
    for index, entry in enumerate(_messages(value) or []):
        where = f"messages[{index}]"
        message = document(entry, where)
        role = _TYPES.get(str(message.get("message_type")))
        if role is None:
            raise ValueError(
                f"{where}.message_type: {shown(message.get('message_type'))}: expected 0 to 3, incoming, outgoing,"
                " activity or template"
            )
        if survey := _survey(message):
            feedback.append(survey)
        if not role or message.get("private") is True or message.get("content_type") == "input_csat":
            continue
        files = tuple(
            {
                "name": str(file.get("fallback_title") or file.get("data_url") or "file"),
                "type": str(file.get("file_type")),
            }
            for file in listed(message.get("attachments"), f"{where}.attachments")
            if isinstance(file, dict)
        )
        text = optional_text(message.get("content"), f"{where}.content")
        messages.append(Message(role, text, at_ns=fields.time_of(message, f"{where}."), files=files))
    if all(message.at_ns is not None for message in messages):
        messages.sort(key=lambda message: message.at_ns or 0)
    meta = value.get("meta")
    sender = meta.get("sender", meta.get("contact")) if isinstance(meta, dict) else None
    described = {}
    if isinstance(sender, dict) and (customer := sender.get("identifier") or sender.get("id")):
        described["customer_id"] = str(customer)
    channel = value.get("channel") or (meta.get("channel") if isinstance(meta, dict) else None)
    if isinstance(channel, str) and channel:
        described["source"] = channel.removeprefix("Channel::")
    conversation_id = fields.conversation_id(value, ("id", "uuid", "conversation_id", "display_id"))
    if not conversation_id and (first := (_messages(value) or [{}])[0].get("conversation_id")):
        conversation_id = str(first)
    return Transcript(
        conversation_id or fields.made_id(messages),
        tuple(messages),
        described,
        fields.metadata(value.get("custom_attributes") or None, "custom_attributes"),
        tuple(feedback),
        fields.time_of(value),
        ended=value.get("status") == "resolved",
        id_made=not conversation_id,
    )


def _survey(value: dict[str, Any]) -> Feedback | None:
    attributes = value.get("content_attributes")
    submitted = attributes.get("submitted_values") if isinstance(attributes, dict) else None
    answer = submitted.get("csat_survey_response") if isinstance(submitted, dict) else None
    if not isinstance(answer, dict) or not isinstance(answer.get("rating"), (int, float)):
        return None
    rating = answer["rating"]
    sentiment = "positive" if rating > 3 else "negative" if rating < 3 else "neutral"
    return Feedback(sentiment, answer.get("feedback_message") or None)
