"""The tracked items that are not sent yet, by conversation: bounded, without losing any."""

import threading
from dataclasses import dataclass
from typing import Any

from opentelemetry.trace import SpanContext

from agentsight_otel._core import process
from agentsight_otel._tracing.context import Conversation

MAX_ITEMS = 10_000
"""The most items that are kept."""

MAX_BYTES = 67_108_864
"""The most memory that the items may take, in bytes, approximately."""

_ITEM_BYTES = 1_000
"""The memory that an item takes besides its texts, in bytes."""


@dataclass(frozen=True)
class Item:
    """One tracked item.

    Attributes:
        type: conversation, question, answer, attachments, action, button or token_usage.
        tracked_ns: When it was tracked, ns since 1970.
        at_ns: The time that it is recorded with, which keeps its order in the conversation.
        conversation: The conversation as it was at that time.
        active: The span that was active at that time.
        data: The item's fields as plain values; texts are bounded already, metadata is the text of JSON.
    """

    type: str
    tracked_ns: int
    at_ns: int
    conversation: Conversation
    active: SpanContext
    data: dict[str, Any]

    @property
    def size(self) -> int:
        """The memory that the item takes, in bytes, approximately."""
        texts = [value for value in self.data.values() if isinstance(value, str)]
        files = self.data.get("attachments", ())
        return sum(map(len, texts)) + _ITEM_BYTES * (1 + len(files))


class Backlog:
    """The items of each conversation, in the order in which they were tracked. Thread-safe.

    A forked child starts with an empty backlog: the items belong to its parent.

    Args:
        max_items: The most items that are kept.
        max_bytes: The most memory that they may take, in bytes, approximately.
    """

    def __init__(self, max_items: int = MAX_ITEMS, max_bytes: int = MAX_BYTES) -> None:
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._empty()
        process.in_child(process.Stage.RECORDING, self._empty)

    def _empty(self) -> None:
        # Reentrant: a finaliser that tracks may run while the lock is held.
        self._lock = threading.RLock()
        self._items: dict[str, list[Item]] = {}
        self._count = 0
        self._bytes = 0

    def add(self, item: Item) -> list[list[Item]]:
        """Keeps an item.

        Returns:
            The items to send now to make room: whole conversations, those that have waited longest.
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
        """Removes and returns the items of a conversation."""
        with self._lock:
            return self._take(conversation_id)

    def take_all(self) -> list[list[Item]]:
        """Removes and returns the items of all conversations."""
        with self._lock:
            return [self._take(conversation_id) for conversation_id in list(self._items)]

    def _take(self, conversation_id: str) -> list[Item]:
        items = self._items.pop(conversation_id, [])
        self._count -= len(items)
        self._bytes -= sum(item.size for item in items)
        return items
