"""Logs of requests to a model, each with the whole history so far; every message is read once."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from agentsight_otel.replay import chat, fields
from agentsight_otel.replay.fields import Notes
from agentsight_otel.replay.formats.base import UNREADABLE, Entry, problem, time_of
from agentsight_otel.replay.history import Histories, oldest_first
from agentsight_otel.replay.response_items import ITEMS
from agentsight_otel.replay.transcripts import Message, Refusal, Transcript

_REQUESTS = ("request", "request_body", "requestBody", "body", "kwargs", "inputs")
_RESPONSES = ("response", "response_body", "responseBody", "completion", "output", "outputs", "response_json")
_ITEMS = tuple(ITEMS)
_ENDS = ("ended_at", "end_time", "endTime", "completed_at", "response_time", "response_timestamp")


def _object(value: Any) -> dict[str, Any] | None:
    if isinstance(value, str) and value[:1] == "{":
        try:
            value = json.loads(value)
        except ValueError:
            return None
    return value if isinstance(value, dict) else None


def _request(value: dict[str, Any]) -> dict[str, Any] | None:
    for candidate in (*(value.get(name) for name in _REQUESTS), value):
        request = _object(candidate)
        if request is not None and isinstance(request.get("body"), dict):
            request = request["body"]
        if request is not None and isinstance(request.get("messages"), list):
            return request
    return None


def _has_response(value: dict[str, Any]) -> bool:
    return "choices" in value or any(value.get(name) is not None for name in _RESPONSES)


def recognises(value: Any) -> bool:
    """Whether a value is a request with messages, and has a response or states that it is a request."""
    if not isinstance(value, dict) or (request := _request(value)) is None:
        return False
    return request is not value or _has_response(value)


def _answer(value: dict[str, Any], notes: Notes) -> list[Message]:
    logged = value if "choices" in value else next((value[n] for n in _RESPONSES if value.get(n) is not None), None)
    if logged is None:
        return []
    response = _object(logged)
    if response is None:
        return _listed_answer(logged, notes)
    if isinstance(response.get("body"), dict):
        response = response["body"]
    if isinstance(response.get("choices"), list) and response["choices"]:
        choice = fields.document(response["choices"][0], "response.choices[0]")
        inner = choice.get("message", {"role": "assistant", "content": choice.get("text")})
        return list(chat.message(inner, "response.choices[0].message", notes))
    if isinstance(response.get("message"), dict):
        return list(chat.message({"role": "assistant", **response["message"]}, "response.message", notes))
    if "content" in response or "tool_calls" in response:
        kept = {key: response[key] for key in ("content", "tool_calls", "function_call") if key in response}
        return list(chat.message({"role": "assistant", **kept}, "response", notes))
    if response.get("error") is not None:
        return []
    if isinstance(response.get("output"), list):
        return _listed_answer(response["output"], notes)
    raise ValueError(f"response: {fields.shown(response)}: expected choices, a message or content")


def _listed_answer(logged: Any, notes: Notes) -> list[Message]:
    """An answer that is a text, or a list: of choices, of messages or items, or of a message's parts."""
    if isinstance(logged, str) and logged[:2] == "[{":
        with contextlib.suppress(ValueError):
            logged = json.loads(logged)
    if not isinstance(logged, list):
        return [Message("assistant", fields.text(logged, "response"))]
    if logged and all(isinstance(entry, dict) and isinstance(entry.get("message"), dict) for entry in logged):
        logged = [{"role": "assistant", **logged[0]["message"]}]  # choices
    if all(isinstance(entry, dict) and ("role" in entry or entry.get("type") in _ITEMS) for entry in logged):
        return list(chat.read_messages(logged, "response", notes))
    return list(chat.message({"role": "assistant", "content": logged}, "response", notes))


def read(entries: Sequence[Entry], notes: Notes) -> Iterator[Transcript | Refusal]:
    """Reads requests; those that continue one another become one conversation."""
    histories = Histories()
    for entry in oldest_first(entries, time_of):
        try:
            value = fields.document(entry.value, "entry")
            request = _request(value)
            if request is None:
                raise ValueError(f"messages: {fields.shown(value.get('messages'))}: expected a request with messages")
            done_ns = fields.time_of(value, names=_ENDS)
            histories.add(
                list(chat.read_messages(request["messages"], "messages", notes)),
                [replace(message, at_ns=message.at_ns or done_ns) for message in _answer(value, notes)],
                stated=fields.conversation_id(value) or fields.conversation_id(request),
                at_ns=fields.time_of(value),
                description={**fields.description(request), **fields.description(value)},
                metadata=fields.metadata(value.get("metadata")),
            )
        except UNREADABLE as error:
            yield entry.refusal(problem(error))
    yield from histories
