"""Histories that every request repeats: finds the conversation that each continues, and the messages that are new."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from agentsight_otel.replay import fields
from agentsight_otel.replay.transcripts import Feedback, Message, Transcript

_UNSPOKEN = ("system", "developer")
_Value = TypeVar("_Value")


def same(first: Sequence[Message], second: Sequence[Message]) -> bool:
    """Whether two lists of messages have the same texts and calls; times and ids may differ."""
    return len(first) == len(second) and fields.digest(first) == fields.digest(second)


def spoken(messages: Iterable[Message]) -> list[Message]:
    """The messages that are not instructions to the model."""
    return [message for message in messages if message.role not in _UNSPOKEN]


def new_of(before: Sequence[Message], history: Sequence[Message]) -> list[Message]:
    """The messages of a history that come after those read before; the history may have been cut at its beginning."""
    said_now, earlier = spoken(history), spoken(before)
    for overlap in range(min(len(earlier), len(said_now)), -1, -1):
        if same(earlier[len(earlier) - overlap :], said_now[:overlap]):
            return said_now[overlap:]
    return said_now


def fingerprints(messages: Iterable[Message]) -> list[bytes]:
    """For each message, a fingerprint of what is said from the first message to this one."""
    running = hashlib.sha256()
    prints = []
    for message in messages:
        if message.role not in _UNSPOKEN:
            running.update(fields.digest([message]).encode())
        prints.append(running.digest())
    return prints


def oldest_first(values: Iterable[_Value], time_ns: Callable[[_Value], int | None]) -> list[_Value]:
    """Values by their time, where all have one; those of the same time keep the file's direction."""
    listed = list(values)
    times = [at_ns for at_ns in map(time_ns, listed) if at_ns is not None]
    if len(times) < len(listed) or times == sorted(times):
        return listed
    return sorted(reversed(listed) if times[0] > times[-1] else listed, key=lambda value: time_ns(value) or 0)


class Histories:
    """Puts conversations together from requests, each with its history, so that every message counts once."""

    def __init__(self) -> None:
        self._kept: dict[str, Transcript] = {}
        self._ends: dict[bytes, str] = {}

    def __iter__(self) -> Iterator[Transcript]:
        return iter(self._kept.values())

    def add(
        self,
        history: Sequence[Message],
        answered: Sequence[Message],
        *,
        stated: str = "",
        own: str = "",
        at_ns: int | None = None,
        description: Mapping[str, str] | None = None,
        metadata: dict[str, Any] | None = None,
        feedback: tuple[Feedback, ...] = (),
    ) -> str:
        """Adds a request.

        Args:
            history: The request's messages.
            answered: The messages of its response.
            stated: The conversation's id, where the recording states it.
            own: The conversation's id where the recording states none and the request continues none.
            at_ns: The request's time, ns since 1970.
            description: Fields that describe the conversation.
            metadata: The conversation's metadata.
            feedback: Ratings of the conversation.

        Returns:
            The id of its conversation.
        """
        prints = fingerprints(history)
        conversation = stated or self._continued(history, prints) or own or self._new(history)
        earlier = self._kept.get(conversation)
        before = earlier.messages if earlier else ()
        fresh = new_of(before, history)
        fresh[-1:] = [replace(message, at_ns=message.at_ns or at_ns) for message in fresh[-1:]]
        if earlier is not None and not fresh and before and same(before[-len(answered) :], answered):
            answered = ()  # the same request was recorded again
        self._kept[conversation] = Transcript(
            conversation,
            (*before, *fresh, *answered),
            {**(earlier.description if earlier else {}), **(description or {})},
            metadata or (earlier.metadata if earlier else None),
            (*(earlier.feedback if earlier else ()), *feedback),
            at_ns=earlier.at_ns if earlier else at_ns,
            id_made=earlier.id_made if earlier else not (stated or own),
        )
        if prints:
            self._ends[prints[-1]] = conversation
        if whole := fingerprints(self._kept[conversation].messages):
            self._ends[whole[-1]] = conversation
        return conversation

    def _continued(self, messages: Sequence[Message], prints: Sequence[bytes]) -> str:
        """The conversation that these messages continue: the one that ended with their longest beginning; or ''."""
        for length in range(len(messages) - 1, 0, -1):
            if messages[length - 1].role in ("assistant", "tool") and (name := self._ends.get(prints[length - 1])):
                return name
        return ""

    def _new(self, messages: Sequence[Message]) -> str:
        made = fields.made_id(spoken(messages))
        number, name = 1, made
        while name in self._kept:
            number += 1
            name = f"{made}-{number}"
        return name
