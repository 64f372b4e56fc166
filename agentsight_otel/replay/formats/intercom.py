"""Intercom's conversations, as its API and its export write them."""

from typing import Any

from agentsight_otel.replay import fields
from agentsight_otel.replay.fields import Notes, document, listed, optional_text, shown
from agentsight_otel.replay.html_text import html_text
from agentsight_otel.replay.transcripts import Feedback, Message, Transcript

_USERS = ("user", "lead", "contact", "visitor")
_AGENTS = ("admin", "bot", "team", "operator", "fin", "teammate", "workflow")


def recognises(value: Any) -> bool:
    """Whether a value is an Intercom conversation."""
    return isinstance(value, dict) and (
        "conversation_parts" in value or (value.get("type") == "conversation" and isinstance(value.get("source"), dict))
    )


def transcript(value: Any, notes: Notes) -> Transcript:
    """Reads one conversation; notes and changes of its state are left out."""
    conversation_id = fields.conversation_id(value, ("id", "conversation_id"))
    messages: list[Message] = []
    source = value.get("source")
    if isinstance(source, dict) and (source.get("body") or source.get("attachments")):
        messages += _part({"created_at": value.get("created_at"), **source}, "source", notes)
    parts = value.get("conversation_parts")
    parts = parts.get("conversation_parts") if isinstance(parts, dict) else parts
    ended = False
    for index, entry in enumerate(listed(parts, "conversation_parts")):
        where = f"conversation_parts[{index}]"
        part = document(entry, where)
        kind = str(part.get("part_type", "comment"))
        ended = kind == "close" if kind in ("close", "open") else ended
        if "note" in kind or not (part.get("body") or part.get("attachments")):
            continue
        messages += _part(part, where, notes)
    described = {"source": optional_text(source.get("type"), "source.type")} if isinstance(source, dict) else {}
    if customer := _customer(value):
        described["customer_id"] = customer
    if value.get("title"):
        described["name"] = html_text(fields.text(value["title"], "title"))
    return Transcript(
        conversation_id or fields.made_id(messages),
        tuple(messages),
        {name: text for name, text in described.items() if text},
        None,
        _rating(value.get("conversation_rating")),
        fields.time_of(value),
        ended=ended or value.get("state") == "closed",
        id_made=not conversation_id,
    )


def _part(part: dict[str, Any], where: str, notes: Notes) -> list[Message]:
    author = document(part.get("author"), f"{where}.author")
    kind = str(author.get("type"))
    if kind == "system":
        notes.say("parts that Intercom itself wrote (author system) are left out")
        return []
    if kind not in (*_USERS, *_AGENTS):
        raise ValueError(f"{where}.author.type: {shown(kind)}: expected one of {', '.join((*_USERS, *_AGENTS))}")
    files = tuple(
        {"name": str(file.get("name", "file")), "type": str(file.get("content_type", "file"))}
        for file in listed(part.get("attachments"), f"{where}.attachments")
        if isinstance(file, dict)
    )
    text = html_text(optional_text(part.get("body"), f"{where}.body"))
    role = "user" if kind in _USERS else "assistant"
    return [Message(role, text, at_ns=fields.time_of(part, f"{where}."), files=files)]


def _customer(value: dict[str, Any]) -> str:
    contacts = value.get("contacts")
    contacts = contacts.get("contacts") if isinstance(contacts, dict) else contacts
    candidates = list(contacts) if isinstance(contacts, list) else []
    source = value.get("source")
    if isinstance(source, dict) and isinstance(source.get("author"), dict) and source["author"].get("type") in _USERS:
        candidates.append(source["author"])
    return next((str(contact["id"]) for contact in candidates if isinstance(contact, dict) and contact.get("id")), "")


def _rating(value: Any) -> tuple[Feedback, ...]:
    if not isinstance(value, dict) or value.get("rating") is None:
        return ()
    rating = value["rating"]
    if isinstance(rating, bool) or not isinstance(rating, (int, float)) or not 1 <= rating <= 5:
        raise ValueError(f"conversation_rating.rating: {shown(rating)}: expected a number from 1 to 5")
    sentiment = "positive" if rating > 3 else "negative" if rating < 3 else "neutral"
    comment = value.get("remark") or None
    return (Feedback(sentiment, comment, at_ns=fields.time_of(value, "conversation_rating.")),)
