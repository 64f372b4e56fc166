"""OpenAI's Responses: ``input`` and ``output`` items, chained by previous_response_id or a conversation."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agentsight_otel.replay import chat, fields
from agentsight_otel.replay.fields import Notes, listed
from agentsight_otel.replay.formats.base import UNREADABLE, Entry, problem
from agentsight_otel.replay.history import Histories, oldest_first
from agentsight_otel.replay.response_items import ITEMS
from agentsight_otel.replay.transcripts import Message, Refusal, Transcript

_IDS = tuple(name for name in fields.CONVERSATION_IDS if name not in ("id", "_id", "uuid"))
"""The names of a conversation's id beside a response, whose own id is ``id``."""


@dataclass
class _Response:
    """A response with its input, or a conversation's items."""

    value: dict[str, Any]
    inputs: list[Message]
    outputs: list[Message]
    at_ns: int | None
    conversation: str

    @property
    def own(self) -> str:
        """Its own id; '' where it has none."""
        own = self.value.get("id")
        return own if isinstance(own, str) else ""

    @property
    def previous(self) -> str:
        """The id of the response that it continues; '' where it names none."""
        previous = self.value.get("previous_response_id")
        return previous if isinstance(previous, str) else ""


def items(value: Any, where: str, notes: Notes) -> Iterable[Message]:
    """Reads an input or output: a text, or a list of items, also as the API lists them."""
    if value is None:
        return
    if isinstance(value, str):
        yield Message("user", value)
        return
    if isinstance(value, dict) and isinstance(value.get("data"), list):
        yield from _listing(value["data"], f"{where}.data", notes)
        return
    for index, entry in enumerate(listed(value, where, "a text or a list of items")):
        yield from chat.message(entry, f"{where}[{index}]", notes)


def _listing(values: list[Any], where: str, notes: Notes) -> list[Message]:
    """A list of items by the API, which lists the latest first unless it was asked not to."""
    messages = [list(chat.message(entry, f"{where}[{index}]", notes)) for index, entry in enumerate(values)]
    flat = [message for each in messages for message in each]
    called = [index for index, message in enumerate(flat) if message.tool_calls]
    ended = [index for index, message in enumerate(flat) if message.role == "tool"]
    if called and ended:
        turned = ended[0] < called[0]
    else:
        turned = len(flat) > 1 and flat[-1].role in ("user", "system", "developer") and flat[0].role != flat[-1].role
    return [message for each in reversed(messages) for message in each] if turned else flat


def recognises(value: Any) -> bool:
    """Whether a value is a response, a request with its response, or a conversation's items."""
    if not isinstance(value, dict):
        return False
    if value.get("object") == "response":
        return True
    if value.get("object") == "list" and _are_items(value.get("data")):
        return all("type" in entry for entry in value["data"])
    listing = value.get("items")
    if _are_items(listing.get("data") if isinstance(listing, dict) else listing):
        return True
    return _are_items(_merged(value).get("output")) and "messages" not in value


def _merged(value: dict[str, Any]) -> dict[str, Any]:
    """Merges a request and its response into one object, where a log has them apart."""
    request, response = value.get("request"), value.get("response")
    if not isinstance(response, dict):
        return value
    for holder in (response, request):
        if isinstance(holder, dict) and isinstance(holder.get("body"), dict):
            response, request = (holder["body"], request) if holder is response else (response, holder["body"])
    around = {key: each for key, each in value.items() if key not in ("request", "response")}
    own = {"id": response["id"]} if isinstance(response.get("id"), str) else {}
    return {**(request if isinstance(request, dict) else {}), **response, **around, **own}


def _are_items(values: Any) -> bool:
    return (
        isinstance(values, list)
        and bool(values)
        and all(isinstance(value, dict) and str(value.get("type", "message")) in ITEMS for value in values)
    )


def read(entries: Sequence[Entry], notes: Notes) -> Iterator[Transcript | Refusal]:
    """Reads responses; those that continue one another become one conversation."""
    responses = []
    for entry in entries:
        try:
            responses.append(_response(fields.document(entry.value, "entry"), notes))
        except UNREADABLE as error:
            yield entry.refusal(problem(error))
    histories = Histories()
    of_response: dict[str, str] = {}
    for response in _in_order(responses):
        of_response[response.own] = histories.add(
            response.inputs,
            response.outputs,
            stated=response.conversation or of_response.get(response.previous, response.previous),
            own=response.own,
            at_ns=response.at_ns,
            description=fields.description(response.value),
            metadata=fields.metadata(response.value.get("metadata")),
        )
    yield from histories


def _in_order(responses: list[_Response]) -> Iterator[_Response]:
    """Responses by time, each after the one that it continues."""
    waiting = {response.own: response for response in responses if response.own}
    for response in oldest_first(responses, lambda each: each.at_ns):
        chain = [response]
        if response.own and waiting.pop(response.own, None) is None:
            continue  # came before one that continues it, or is the same again
        while before := waiting.pop(chain[-1].previous, None):
            chain.append(before)
        yield from reversed(chain)


def _response(value: dict[str, Any], notes: Notes) -> _Response:
    value = _merged(value)
    at_ns = fields.time_of(value)
    fields.metadata(value.get("metadata"))
    stated = value.get("conversation")
    conversation = str(stated["id"]) if isinstance(stated, dict) and stated.get("id") else stated
    if not isinstance(conversation, str) or not conversation:
        conversation = fields.conversation_id(value, _IDS if "output" in value else fields.CONVERSATION_IDS)
    if "items" in value or value.get("object") == "list":
        listing = value if value.get("object") == "list" else value["items"]
        return _Response(value, list(items(listing, "items", notes)), [], at_ns, conversation)
    place = "input" if value.get("input") is not None else "input_items"
    done_ns = fields.time_of(value, names=("completed_at", "ended_at", "end_time")) or at_ns
    outputs = [
        replace(message, at_ns=message.at_ns or done_ns) for message in items(value.get("output"), "output", notes)
    ]
    return _Response(value, list(items(value.get(place), place, notes)), outputs, at_ns, conversation)
