"""Times that keep the order in which a process records things of a conversation: the database compares milliseconds."""

from dataclasses import dataclass

from agentsight_otel._core.locks import new_lock

STEP_NS = 1_000_000
"""The least time between two messages, and between two tracked things, of a conversation."""

_MAX_CONVERSATIONS = 10_000


@dataclass(slots=True)
class _Latest:
    message_ns: int
    any_ns: int
    came_ns: int  # the real time of the item that was given any_ns


class Timeline:
    """Gives messages and tracked items times that keep the order of the calls, in each conversation.

    It remembers the 10,000 conversations used last. Thread-safe.
    """

    def __init__(self) -> None:
        self._lock = new_lock()
        self._latest: dict[str, _Latest] = {}

    def message_ns(self, conversation_id: str, now_ns: int) -> int:
        """The time to record for a message, ns since 1970: at least 1 ms after the conversation's message before.

        Args:
            conversation_id: The message's conversation; '' has no order to keep.
            now_ns: When it really came, ns since 1970.
        """
        with self._lock:
            latest = self._of(conversation_id)
            if latest.message_ns >= 0:
                now_ns = max(now_ns, latest.message_ns + STEP_NS)
            latest.message_ns = now_ns
            latest.any_ns = max(now_ns, latest.any_ns)
        return now_ns

    def tracked_ns(self, conversation_id: str, now_ns: int, *, is_message: bool = False) -> int:
        """The time to record for a tracked item, ns since 1970: at least 1 ms after the message or item before.

        Args:
            conversation_id: The item's conversation; '' has no order to keep.
            now_ns: When it really was, ns since 1970.
            is_message: Whether the item is a message.
        """
        with self._lock:
            latest = self._of(conversation_id)
            latest.came_ns = now_ns
            if latest.any_ns >= 0:
                now_ns = max(now_ns, latest.any_ns + STEP_NS)
            latest.any_ns = now_ns
            if is_message:
                latest.message_ns = now_ns
        return now_ns

    def stated_ns(self, conversation_id: str, at_ns: int) -> int:
        """The time to record for an item whose caller states its time, ns since 1970.

        It is the stated time, unless the item recorded before it was moved to a later one.

        Args:
            conversation_id: The item's conversation.
            at_ns: The stated time, ns since 1970; perhaps in whole milliseconds.
        """
        with self._lock:
            latest = self._latest.get(conversation_id)
            if latest is None or not latest.came_ns // STEP_NS * STEP_NS <= at_ns <= latest.any_ns:
                return at_ns
            return latest.any_ns + STEP_NS // 2  # half a step, since the next tracked item comes a whole step later

    def _of(self, conversation_id: str) -> _Latest:
        latest = self._latest.pop(conversation_id, None) or _Latest(-1, -1, -1)
        if conversation_id:
            if len(self._latest) >= _MAX_CONVERSATIONS:
                del self._latest[next(iter(self._latest))]
            self._latest[conversation_id] = latest
        return latest
