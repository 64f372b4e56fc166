"""What was tracked and is not sent yet, by conversation: bounded, and lossless all the same."""

import functools
import os
import threading
import weakref
from dataclasses import dataclass
from typing import Any

from opentelemetry.trace import SpanContext

from agentsight_otel.context import Conversation

MAX_ITEMS = 10_000
"""The most items kept."""

MAX_BYTES = 67_108_864
"""The most memory for them in bytes, approximately."""

_ITEM_BYTES = 1_000
"""What an item costs besides its texts."""


@dataclass(frozen=True)
class Item:
    """One thing that was tracked.

    Attributes:
        type: conversation, question, answer, attachments, action, button or token_usage.
        at_ns: When, ns since 1970.
        conversation: As it was known then.
        active: The span that was active then.
        data: Plain values; texts are bounded already, free data is JSON.
    """

    type: str
    at_ns: int
    conversation: Conversation
    active: SpanContext
    data: dict[str, Any]

    @property
    def size(self) -> int:
        """Memory in bytes, approximately."""
        texts = [value for value in self.data.values() if isinstance(value, str)]
        files = self.data.get("attachments", ())
        return sum(map(len, texts)) + _ITEM_BYTES * (1 + len(files))


class Backlog:
    """Items in the order in which they were tracked, each conversation's by itself. Safe with threads.

    What a process forked with belongs to its parent: the child starts with an empty one.

    Args:
        max_items: The most kept.
        max_bytes: The most memory for them, approximately.
    """

    def __init__(self, max_items: int = MAX_ITEMS, max_bytes: int = MAX_BYTES) -> None:
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._empty()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=functools.partial(_empty_if_there, weakref.ref(self)))

    def _empty(self) -> None:
        # Reentrant: a finaliser that tracks may run while the lock is held.
        self._lock = threading.RLock()
        self._items: dict[str, list[Item]] = {}
        self._count = 0
        self._bytes = 0

    def add(self, item: Item) -> list[list[Item]]:
        """Keeps an item.

        Returns:
            What has to be sent now to make room for it: whole conversations, those that have waited longest.
        """
        displaced: list[list[Item]] = []
        with self._lock:
            while self._items and (self._count >= self._max_items or self._bytes + item.size > self._max_bytes):
                displaced.append(self._take(next(iter(self._items))))
            self._items.setdefault(item.conversation.id, []).append(item)
            self._count += 1
            self._bytes += item.size
        return displaced

    def of(self, conversation_id: str) -> list[Item]:
        """The items of a conversation."""
        with self._lock:
            return list(self._items.get(conversation_id, ()))

    def take(self, conversation_id: str) -> list[Item]:
        """The items of a conversation, which are no longer kept."""
        with self._lock:
            return self._take(conversation_id)

    def take_all(self) -> list[list[Item]]:
        """The items of every conversation, which are no longer kept."""
        with self._lock:
            return [self._take(conversation_id) for conversation_id in list(self._items)]

    def _take(self, conversation_id: str) -> list[Item]:
        items = self._items.pop(conversation_id, [])
        self._count -= len(items)
        self._bytes -= sum(item.size for item in items)
        return items


def _empty_if_there(backlog: "weakref.ref[Backlog]") -> None:
    if (kept := backlog()) is not None:
        kept._empty()
