"""Finds the conversation of code whose context has none, for example in a bare thread, where only one is possible.

That is so where the process has had only one conversation; or where the thread started after the latest conversation,
and no other conversation was going on at that time or since. In all other cases no conversation is assumed.
"""

import asyncio
import threading
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Generic, TypeVar

from agentsight_otel._core import process
from agentsight_otel._tracing.conversations import NO_CONVERSATION, Conversation

if TYPE_CHECKING:
    from agentsight_otel._tracing.context import Scope
    from agentsight_otel._tracing.entries import Entry, Request
T = TypeVar("T")


class _Living(Generic[T]):
    """A set of weak references; without a lock, because finalisers change it too."""

    def __init__(self) -> None:
        self._references: dict[int, weakref.ref[T]] = {}

    def __iter__(self) -> Iterator[T]:
        return iter([thing for reference in list(self._references.values()) if (thing := reference()) is not None])

    def add(self, thing: T) -> None:
        """Adds an object."""
        key, references = id(thing), self._references
        references[key] = weakref.ref(thing, lambda reference: references.pop(key, None))

    def discard(self, thing: T) -> None:
        """Removes an object."""
        self._references.pop(id(thing), None)

    def clear(self) -> None:
        """Removes all objects."""
        self._references.clear()


loose: "_Living[Entry]" = _Living()
"""Entries that were made current outside blocks and requests, for as long as a context refers to them."""

requests: "_Living[Request]" = _Living()
"""The web requests that are being handled."""

blocks: "set[Scope]" = set()
"""The running blocks and turns with a conversation."""


class _Latest:
    """The conversation that began last.

    Attributes:
        conversation: The conversation.
        first: Whether there was no conversation before it.
        alone: Whether no other one was going on when it began.
        threads: The threads that existed when it began.
    """

    __slots__ = ("alone", "conversation", "first", "threads")

    def __init__(self, conversation: Conversation, *, first: bool) -> None:
        self.conversation = conversation
        self.first = first
        self.alone = not _others(conversation.id)
        self.threads = threading.enumerate()


_latest: _Latest | None = None


def entered(conversation: Conversation) -> None:
    """Notes that a conversation has been made current somewhere."""
    global _latest
    latest = _latest
    if latest is None or latest.conversation.id != conversation.id:
        _latest = _Latest(conversation, first=latest is None)
    else:
        latest.conversation = conversation


def find() -> Conversation:
    """The only conversation that this thread can belong to; ``NO_CONVERSATION`` where there is none, or several."""
    latest = _latest
    if latest is None:
        return NO_CONVERSATION
    if latest.first or (latest.alone and threading.current_thread() not in latest.threads and not _in_task()):
        return latest.conversation
    return NO_CONVERSATION


def forget() -> None:
    """Resets the state to that of a process that has had no conversation yet."""
    global _latest
    _latest = None
    _end_all()


def _end_all() -> None:
    loose.clear()
    requests.clear()
    blocks.clear()


process.in_child(process.Stage.RECORDING, _end_all)  # the parent's threads do not exist in the child


def _others(conversation_id: str) -> bool:
    going_on = [entry.conversation.id for entry in loose]
    going_on += [conversation.id for request in requests for conversation in (request.conversation, request.latest)]
    return any(other not in ("", conversation_id) for other in going_on) or any(
        block.conversation.id not in ("", conversation_id)  # type: ignore[attr-defined]
        for block in list(blocks)
    )


def _in_task() -> bool:
    try:
        return asyncio.current_task() is not None
    except RuntimeError:  # no running event loop
        return False
