"""Conversations that are a list of messages with roles: OpenAI's, Anthropic's, Vercel's, LangChain's."""

import contextlib
import json
from collections.abc import Iterable
from typing import Any

from agentsight_otel.replay import fields, response_items
from agentsight_otel.replay.content import Content, Handler, jsonish
from agentsight_otel.replay.fields import Notes, listed, optional_text, shown
from agentsight_otel.replay.formats import anthropic, openai_chat, vercel
from agentsight_otel.replay.transcripts import Feedback, Message, ModelCall, Transcript

ROLES = {
    **{role: role for role in ("user", "assistant", "tool", "system", "developer")},
    "function": "tool",
    **dict.fromkeys(("human", "customer", "end_user", "visitor"), "user"),
    **dict.fromkeys(("ai", "agent", "bot", "model"), "assistant"),
    "data": "system",  # what Vercel's SDK streams beside the messages
}
"""Roles by the names that libraries give them."""

_KNOWN_OF_MESSAGE = frozenset(
    {
        *fields.TIMES,
        *("role", "type", "content", "parts", "name", "id", "object", "refusal", "audio", "annotations", "metadata"),
        *("tool_calls", "function_call", "tool_call_id", "toolInvocations", "experimental_attachments", "reasoning"),
        *("reasoning_content", "stop_reason", "stop_sequence", "usage", "model", "status", "attachments"),
    }
)


def transcript(value: Any, notes: Notes, *, messages_key: str = "messages") -> Transcript:
    """Reads a conversation: an object with its messages under ``messages_key``, or a plain list of messages."""
    if isinstance(value, list):
        value = {messages_key: value}
    conversation_id = fields.conversation_id(value)
    values = value.get(messages_key)
    if isinstance(values, str):  # JSON in a column of a table
        with contextlib.suppress(ValueError):
            values = json.loads(values)
    if not isinstance(values, list):
        raise ValueError(f"{messages_key}: {shown(values)}: expected a list of messages in OpenAI's chat format")
    messages = tuple(read_messages(values, messages_key, notes))
    if not conversation_id and not messages:
        raise ValueError(f"conversation_id: {shown(value.get('conversation_id'))}: expected a non-empty text")
    notes.ignored("", value.keys() - fields.KNOWN - {messages_key, "service", "tools", "system", "model", "object"})
    return Transcript(
        conversation_id=conversation_id or fields.made_id(messages),
        messages=messages,
        description=fields.description(value),
        metadata=fields.metadata(value.get("metadata")),
        feedback=feedback(value.get("feedback")),
        at_ns=fields.time_of(value),
        ended=value.get("ended") is True,
        id_made=not conversation_id,
    )


def read_messages(values: Iterable[Any], where: str, notes: Notes) -> Iterable[Message]:
    """Reads messages as any of the libraries writes them; one value may become several messages."""
    for index, value in enumerate(values):
        yield from message(value, f"{where}[{index}]", notes)


def message(value: Any, where: str, notes: Notes) -> Iterable[Message]:
    """Reads one value of a list of messages: the results of tools in it, and its text, calls and files."""
    entry = fields.document(value, where)
    if isinstance(entry.get("data"), dict) and entry.get("type") in ROLES:  # as LangChain serialises them
        entry = {**entry["data"], "role": entry["type"]}
    stated = entry.get("role", entry.get("type"))
    role = ROLES.get(stated.strip().lower()) if isinstance(stated, str) else None
    if role is None:
        if "role" not in entry and isinstance(stated, str) and stated in response_items.ITEMS:
            yield from response_items.item(entry, where)
            return
        raise ValueError(f"{where}.role: {shown(stated)}: expected one of {', '.join(ROLES)}")
    notes.ignored("messages[].", entry.keys() - _KNOWN_OF_MESSAGE)
    inner = entry.get("metadata") if isinstance(entry.get("metadata"), dict) else None
    at_ns = fields.time_of(entry, f"{where}.")
    if at_ns is None and inner:
        at_ns = fields.time_of(inner, f"{where}.metadata.")
    content = content_of(entry, where)
    if role == "tool" and not content.results:
        answers = optional_text(entry.get("tool_call_id") or entry.get("name") or "", f"{where}.tool_call_id")
        failed = entry.get("status") == "error" or entry.get("is_error") is True
        yield Message("tool", content.text, answers=answers, at_ns=at_ns, error=content.text if failed else None)
        return
    apart = content.attach_results()
    results = [Message("tool", each.text, answers=each.answers, at_ns=at_ns, error=each.error) for each in apart]
    if role != "assistant":
        yield from results
    if content.texts or content.calls or content.files or not results:
        yield Message(
            role,
            content.text,
            tuple(content.calls),
            at_ns=at_ns,
            metadata=inner,
            files=tuple(content.files),
            model_call=_model_call(entry) if role == "assistant" else None,
        )
    if role == "assistant":
        yield from results


def _model_call(message: dict[str, Any]) -> ModelCall | None:
    """The model call by a message's ``model`` and ``usage``, under the names of OpenAI's APIs or Anthropic's."""
    stated, named = message.get("usage"), message.get("model")
    usage: dict[str, Any] = stated if isinstance(stated, dict) else {}
    model = named if isinstance(named, str) else ""

    def tokens(*names: str) -> int | None:
        values = (usage.get(name) for name in names)
        return next((each for each in values if isinstance(each, int) and not isinstance(each, bool)), None)

    call = ModelCall(model, tokens("prompt_tokens", "input_tokens"), tokens("completion_tokens", "output_tokens"))
    return None if call == ModelCall() else call


def content_of(message: dict[str, Any], where: str) -> Content:
    """Reads a message's content: its texts, tool calls, tool results and files."""
    content = Content()
    parts = message.get("parts")
    if isinstance(parts, list) and parts:
        read_parts(parts, f"{where}.parts", content)
    else:
        value = message.get("content")
        if isinstance(value, dict):
            value = [value] if "type" in value else jsonish(value)
        if isinstance(value, str):
            if value:
                content.texts.append(value)
        elif value is not None:
            read_parts(listed(value, f"{where}.content", "a text or a list of parts"), f"{where}.content", content)
    refusal, audio = message.get("refusal"), message.get("audio")
    if refusal:
        content.texts.append(fields.text(refusal, f"{where}.refusal"))
    if isinstance(audio, dict) and audio.get("transcript") and not content.texts:
        content.texts.append(fields.text(audio["transcript"], f"{where}.audio.transcript"))
    calls = openai_chat.tool_calls(message, where)
    known_ids = {call.id for call in content.calls if call.id}
    content.calls += [call for call in calls if call.id not in known_ids]  # LangChain lists Anthropic's calls twice
    if not parts:
        for index, invoked in enumerate(listed(message.get("toolInvocations"), f"{where}.toolInvocations")):
            vercel.invocation(invoked, f"{where}.toolInvocations[{index}]", content)
    for key in ("experimental_attachments", "attachments"):
        for index, attached in enumerate(listed(message.get(key), f"{where}.{key}")):
            _PARTS["file"](fields.document(attached, f"{where}.{key}[{index}]"), f"{where}.{key}[{index}]", content)
    return content


def read_parts(parts: list[Any], where: str, content: Content) -> None:
    """Reads the parts of a message's content into ``content``."""
    for index, part in enumerate(parts):
        place = f"{where}[{index}]"
        if isinstance(part, str):
            content.texts.append(part)
            continue
        parsed = fields.document(part, place)
        kind = parsed.get("type")
        if kind is None and isinstance(parsed.get("text"), str):
            kind = "text"
        handle = _handler(kind) if isinstance(kind, str) else None
        if handle is None:
            raise ValueError(f"{place}.type: {shown(kind)}: expected a part that is known: {', '.join(sorted(_PARTS))}")
        handle(parsed, place, content)


_PARTS: dict[str, Handler] = {
    **vercel.PARTS,
    **anthropic.PARTS,
    **response_items.PARTS,
    **openai_chat.PARTS,
}


def _handler(kind: str) -> Handler | None:
    return _PARTS.get(kind) or anthropic.handler(kind) or vercel.handler(kind)


def feedback(value: Any) -> tuple[Feedback, ...]:
    """Reads ratings: a sentiment, an object with one, or a list of either."""
    if value is None:
        return ()
    result = []
    for entry in value if isinstance(value, list) else [value]:
        rating = {"sentiment": entry} if isinstance(entry, str) else entry
        sentiment = rating.get("sentiment") if isinstance(rating, dict) else None
        if sentiment not in fields.SENTIMENTS:
            raise ValueError(f"feedback: {shown(entry)}: expected a sentiment positive, neutral or negative")
        comment = rating.get("comment")
        result.append(
            Feedback(
                sentiment,
                comment=None if comment is None else fields.text(comment, "feedback.comment"),
                source=fields.text(rating.get("source") or "customer", "feedback.source"),
                at_ns=fields.time_of(rating, "feedback."),
                metadata=fields.metadata(rating.get("metadata"), "feedback.metadata"),
            )
        )
    return tuple(result)
