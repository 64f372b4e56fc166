"""Reads transcripts: one JSON object a line, messages in OpenAI's chat format."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from agentsight_otel.clock import parse_iso8601

_DESCRIBING = ("customer_id", "device", "source", "language", "country", "ip", "name", "environment")
_ROLES = ("user", "assistant", "tool", "function", "system", "developer")
_MILLISECONDS_FROM = 1e11
"""A number from here on is taken for milliseconds since 1970, below for seconds (it is the year 5138 in those)."""
_LATEST_S = 9_214_646_400
"""The year 2262, where nanoseconds in 64 bits end."""


@dataclass(frozen=True)
class ToolCall:
    """A call of a tool by the assistant."""

    id: str
    name: str
    arguments: Any


@dataclass(frozen=True)
class Message:
    """One message; ``at_ns`` is None where the transcript does not say when it was."""

    role: str
    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    answers: str = ""
    at_ns: int | None = None


@dataclass(frozen=True)
class Feedback:
    """The customer's, or the platform's, rating."""

    sentiment: str
    comment: str | None = None
    source: str = "customer"
    at_ns: int | None = None


@dataclass(frozen=True)
class Transcript:
    """One recorded conversation.

    Attributes:
        conversation_id: Its id.
        messages: In order; may be empty, for a visit that never engaged.
        description: customer_id, device, source, language, country, ip, name and environment, as far as given.
        metadata: A JSON object, or None.
        feedback: Any number of ratings.
        at_ns: When it began, ns since 1970; None where the transcript does not say.
        ended: Whether it was ended explicitly.
    """

    conversation_id: str
    messages: tuple[Message, ...]
    description: dict[str, str]
    metadata: dict[str, Any] | None = None
    feedback: tuple[Feedback, ...] = ()
    at_ns: int | None = None
    ended: bool = False


@dataclass(frozen=True)
class Refusal:
    """A line that is no transcript.

    Attributes:
        line: Its number, from 1.
        problem: What is wrong, and what was expected.
    """

    line: int
    problem: str


@dataclass(frozen=True)
class Reading:
    """The transcripts of a file, and the lines that are none."""

    transcripts: tuple[Transcript, ...]
    refusals: tuple[Refusal, ...]


def read(lines: Iterable[str | bytes]) -> Reading:
    """Reads transcripts; a line that is none does not stop the others. Blank lines are skipped."""
    transcripts, refusals = [], []
    for number, line in enumerate(lines, 1):
        try:
            text = (line.decode("utf-8-sig" if number == 1 else "utf-8") if isinstance(line, bytes) else line).strip()
            if text:
                transcripts.append(_transcript(_parsed(text)))
        except UnicodeDecodeError as error:
            refusals.append(Refusal(number, f"not UTF-8 at byte {error.start}"))
        except RecursionError:
            refusals.append(Refusal(number, "nested too deeply"))
        except ValueError as error:
            refusals.append(Refusal(number, str(error)))
    return Reading(tuple(transcripts), tuple(refusals))


def _parsed(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON ({error.msg} at column {error.colno}); expected one JSON object a line") from None
    if not isinstance(value, dict):
        raise ValueError(f"{_shown(value)}: expected one JSON object a line")
    return value


def _transcript(value: dict[str, Any]) -> Transcript:
    conversation_id = value.get("conversation_id")
    if isinstance(conversation_id, int) and not isinstance(conversation_id, bool):
        conversation_id = str(conversation_id)
    if not isinstance(conversation_id, str) or not conversation_id.strip():
        raise ValueError(f"conversation_id: {_shown(conversation_id)}: expected a non-empty text")
    messages = value.get("messages")
    if not isinstance(messages, list):
        raise ValueError(f"messages: {_shown(messages)}: expected a list of messages in OpenAI's chat format")
    metadata = value.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        raise ValueError(f"metadata: {_shown(metadata)}: expected a JSON object")
    return Transcript(
        conversation_id=conversation_id.strip(),
        messages=tuple(_message(message, f"messages[{index}]") for index, message in enumerate(messages)),
        description={name: _text(value[name], name) for name in _DESCRIBING if value.get(name) not in (None, "")},
        metadata=metadata,
        feedback=_feedback(value.get("feedback")),
        at_ns=_time(value.get("created_at"), "created_at"),
        ended=value.get("ended") is True,
    )


def _message(value: Any, where: str) -> Message:
    if not isinstance(value, dict):
        raise ValueError(f"{where}: {_shown(value)}: expected an object")
    role = value.get("role")
    if role not in _ROLES:
        raise ValueError(f"{where}.role: {_shown(role)}: expected one of {', '.join(_ROLES)}")
    calls = value.get("tool_calls") or []
    if not isinstance(calls, list):
        raise ValueError(f"{where}.tool_calls: {_shown(calls)}: expected a list")
    return Message(
        role="tool" if role == "function" else role,
        text=_content(value.get("content"), f"{where}.content"),
        tool_calls=tuple(_tool_call(call, f"{where}.tool_calls[{index}]") for index, call in enumerate(calls)),
        answers=_text(value.get("tool_call_id") or value.get("name") or "", f"{where}.tool_call_id"),
        at_ns=_time(value.get("created_at"), f"{where}.created_at"),
    )


def _content(value: Any, where: str) -> str:
    """The text of a message: a text, or the text parts of a list of parts."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        parts = [part.get("text") if isinstance(part, dict) else part for part in value]
        return "\n".join(part for part in parts if isinstance(part, str))
    raise ValueError(f"{where}: {_shown(value)}: expected a text or a list of parts")


def _tool_call(value: Any, where: str) -> ToolCall:
    if not isinstance(value, dict):
        raise ValueError(f"{where}: {_shown(value)}: expected an object")
    nested = value.get("function")
    called = nested if isinstance(nested, dict) else value
    name = called.get("name")
    if not isinstance(name, str) or not name:
        raise ValueError(f"{where}.name: {_shown(name)}: expected the name of a tool")
    return ToolCall(id=_text(value.get("id") or "", f"{where}.id"), name=name, arguments=called.get("arguments"))


def _feedback(value: Any) -> tuple[Feedback, ...]:
    if value is None:
        return ()
    entries = value if isinstance(value, list) else [value]
    result = []
    for entry in entries:
        given = {"sentiment": entry} if isinstance(entry, str) else entry
        sentiment = given.get("sentiment") if isinstance(given, dict) else None
        if sentiment not in ("positive", "neutral", "negative"):
            raise ValueError(f"feedback: {_shown(entry)}: expected a sentiment positive, neutral or negative")
        result.append(
            Feedback(
                sentiment,
                comment=given.get("comment"),
                source=_text(given.get("source") or "customer", "feedback.source"),
                at_ns=_time(given.get("created_at"), "feedback.created_at"),
            )
        )
    return tuple(result)


def _text(value: Any, where: str) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(f"{where}: {_shown(value)}: expected a text")
    return str(value)


def _time(value: Any, where: str) -> int | None:
    """A time as ns since 1970: ISO 8601 (UTC unless it says otherwise), or seconds or milliseconds since 1970."""
    if value is None:
        return None
    expected = ValueError(
        f"{where}: {_shown(value)}: expected a time from 1970 to 2261, as ISO 8601 or seconds since 1970"
    )
    try:
        if isinstance(value, str):
            moment = parse_iso8601(value)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
            since = moment - datetime(1970, 1, 1, tzinfo=timezone.utc)
            nanoseconds = ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            seconds = value / 1_000 if value >= _MILLISECONDS_FROM else value
            nanoseconds = round(seconds * 1_000_000) * 1_000
        else:
            raise expected
    except (ValueError, OverflowError):
        raise expected from None
    if not 0 <= nanoseconds < _LATEST_S * 1_000_000_000:
        raise expected
    return nanoseconds


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:79] + "…"
