"""A conversation that was made current, and what all parts of one web request share."""

import itertools
import weakref

from agentsight_otel._core.guard import say
from agentsight_otel._tracing.conversations import NO_CONVERSATION, Attributes, Conversation

_serials = itertools.count()


class Entry:
    """A conversation that is current to the end of a block.

    Attributes:
        conversation: The conversation.
        below: Serial numbers of the entries that it replaced: where OpenTelemetry's context falls back to one of them,
            this one is still current.
        serial: Its own serial number.
        loose: Whether it lasts until another one is made current, rather than to the end of a block.
        undecided: Whether it stands for a request without a conversation yet; the request's conversation counts.
    """

    __slots__ = ("__weakref__", "below", "conversation", "serial")
    loose = False
    undecided = False

    def __init__(self, conversation: Conversation, below: tuple[int, ...] = ()) -> None:
        self.conversation = conversation
        self.below = below
        self.serial = next(_serials)


class LooseEntry(Entry):
    """A conversation that is current until another one is.

    Attributes:
        seen: Whether a web request has begun with it, so that for the next one in this thread it is left over.
    """

    __slots__ = ("seen",)
    loose = True

    def __init__(self, conversation: Conversation, below: tuple[int, ...] = ()) -> None:
        super().__init__(conversation, below)
        self.seen = False


class Undecided(LooseEntry):
    """The beginning of a web request."""

    __slots__ = ()
    undecided = True


class Request:
    """The state that all contexts of one web request share.

    Attributes:
        conversation: The request's conversation, as far as it is known.
        visitor: Identity attributes that were read from the request, such as device and language.
        latest: The conversation of the latest block in it, which may have started threads.

    Args:
        conversation: The conversation that a header names; the application's own replaces it.
        visitor: Identity attributes that were read from the request.
    """

    __slots__ = ("__weakref__", "_contested", "_told_by", "conversation", "latest", "visitor")

    def __init__(self, conversation: Conversation | None = None, visitor: Attributes | None = None) -> None:
        self.conversation = conversation or NO_CONVERSATION
        self.visitor: Attributes = visitor or {}
        self.latest = NO_CONVERSATION
        self._told_by: weakref.ref[Entry] | None = None
        self._contested = False

    def tell(self, entry: Entry, before: Entry | None) -> None:
        """Notes that a part of the request has made a conversation current.

        Args:
            entry: The entry of the conversation.
            before: The entry that was current in that part before.
        """
        conversation, earlier = entry.conversation, self.conversation
        last = None if self._told_by is None else self._told_by()  # None as well where the part that told is over
        if self._contested:
            return
        if last is None or last is before or earlier.id == conversation.id:
            self.conversation, self._told_by = conversation, weakref.ref(entry)
            return
        self._contested = True
        self.conversation = NO_CONVERSATION
        say(
            "contested request",
            f"parts of one request are in conversations {earlier.id!r} and {conversation.id!r} at the same time: what "
            "its other parts record, in threads or tasks that have neither, is stored without a conversation; use "
            "`with conversation(id):` around each part",
        )
