"""The conversation of code whose context has none, say in a bare thread: the process's only one, never a guess."""

import asyncio
import threading
from contextvars import ContextVar

from agentsight_otel._locks import new_lock
from agentsight_otel.context import NO_CONVERSATION, Conversation

_GIVE_UP_AT = 100


class SoleConversation:
    """Keeps count of the conversations that are current somewhere. Safe with threads.

    Code without asyncio that moves on to another conversation has left the one before. Whether tasks have ended is not
    known, so what they entered stays; a process with many is a server, and is not watched any more.
    """

    def __init__(self) -> None:
        self._lock = new_lock()
        self._entered: ContextVar[tuple[str, int | None] | None] = ContextVar("agentsight_entered", default=None)
        self._entries: dict[str, int] = {}
        self._latest = NO_CONVERSATION
        self._many = False

    def enter(self, conversation: Conversation) -> None:
        """The calling code has made a conversation current."""
        entered, here = self._entered.get(), _where()
        if entered == (conversation.id, here):
            self._latest = conversation
            return
        with self._lock:
            if self._many:
                return
            # An entry that was inherited from another thread or task is still theirs.
            if entered is not None and here is not None and entered[1] == here:
                self._leave(entered[0])
            self._entries[conversation.id] = self._entries.get(conversation.id, 0) + 1
            self._latest = conversation
            if len(self._entries) >= _GIVE_UP_AT:
                self._many = True
                self._entries.clear()
        self._entered.set((conversation.id, here))

    def _leave(self, conversation_id: str) -> None:
        left = self._entries.pop(conversation_id, 0) - 1
        if left > 0:
            self._entries[conversation_id] = left

    def get(self) -> Conversation:
        """The only conversation that is current anywhere; ``NO_CONVERSATION`` where there is none, or several."""
        return self._latest if len(self._entries) == 1 else NO_CONVERSATION


def _where() -> int | None:
    """The thread, for code without asyncio; None for a task."""
    try:
        return None if asyncio.current_task() is not None else threading.get_ident()
    except RuntimeError:  # no running event loop
        return threading.get_ident()
