"""The conversation, context and request that are current at one point, for work that runs elsewhere or later."""

from opentelemetry.context import Context

from agentsight_otel._tracing import context, only_one, parents
from agentsight_otel._tracing.context import Attributes, Conversation, Entered, Entry, Request


class Surroundings:
    """A context, conversation and request that are current within a ``with`` block; can be entered again.

    A conversation that is made current inside the block is current again the next time.

    Args:
        context: OpenTelemetry's context.
        entry: The current conversation.
        request: The web request.
    """

    __slots__ = ("_context", "_entered", "_entry", "_request")

    def __init__(self, context: Context, entry: Entry | None, request: Request | None) -> None:
        self._context = context
        self._entry = entry
        self._request = request
        self._entered: Entered | None = None

    def __enter__(self) -> None:
        """Makes the surroundings current."""
        self._entered = context.enter(self._context, self._entry, self._request)

    def __exit__(self, *exc: object) -> None:
        """Makes current again what was current before."""
        self._context, self._entry = context.current_context(), context.own_entry()
        if self._entered is not None:
            context.leave(self._entered)

    def end(self) -> None:
        """Ends the request."""
        if self._request is not None:
            only_one.requests.discard(self._request)

    def in_another_thread(self) -> "Surroundings":
        """A copy for the current thread, where an application's own current span remains that of the thread."""
        return Surroundings(parents.for_thread(self._context, context.KEYS), self._entry, self._request)


def present() -> Surroundings:
    """The present surroundings."""
    around, request = context.current_context(), context.current_request()
    entry = context.own_entry() or (context.NOTHING if request is None else context.undecided(around))
    return Surroundings(around, entry, request)


def of_request(conversation: Conversation | None = None, visitor: Attributes | None = None) -> Surroundings:
    """The surroundings of a web request that begins now.

    Args:
        conversation: The conversation that the request names; the application's own replaces it.
        visitor: Identity attributes that were read from the request.
    """
    around = context.current_context()
    if conversation is None:
        conversation = context.at_a_requests_begin(around)
    else:
        only_one.entered(conversation)
        around = context.with_conversation(conversation, around)
    request = Request(conversation, visitor)
    only_one.requests.add(request)
    return Surroundings(around, context.undecided(around), request)
