"""The current conversation and turn, and how they stay current in applications with frameworks.

They are part of OpenTelemetry's context, wherever that is carried. Frameworks reset that context after their own
blocks, and thereby what the application made current inside; so a context variable of this module remembers it too.
Parts of a web request that run in copies of its context, such as a dependency in a thread, share a ``Request``, through
which a conversation that one of them makes current becomes current in the others.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Any, Protocol

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import Span

from agentsight_otel import semconv
from agentsight_otel._core import baggage
from agentsight_otel._core import otel_context as silent
from agentsight_otel._core.otel_context import current_context as current_context
from agentsight_otel._tracing import conversations, notebooks, only_one, runtime
from agentsight_otel._tracing.conversations import NO_CONVERSATION as NO_CONVERSATION
from agentsight_otel._tracing.conversations import Attributes as Attributes
from agentsight_otel._tracing.conversations import Conversation as Conversation
from agentsight_otel._tracing.conversations import ConversationFields as ConversationFields
from agentsight_otel._tracing.conversations import CustomerFields as CustomerFields
from agentsight_otel._tracing.entries import Entry as Entry
from agentsight_otel._tracing.entries import LooseEntry, Undecided
from agentsight_otel._tracing.entries import Request as Request
from agentsight_otel._tracing.runtime import Runtime

_CONVERSATION = otel_context.create_key("agentsight-conversation")
_TURN = otel_context.create_key("agentsight-turn")
_MODEL_HINT = otel_context.create_key("agentsight-model-hint")
KEYS = (_CONVERSATION, _TURN, _MODEL_HINT)
"""The keys of this package in OpenTelemetry's context, except that of its current span."""

_MOST_BELOW = 8


STORED_WITHOUT = (
    "is stored, but counts in no metric. In a web application add agentsight_otel.integrations' "
    "ConversationMiddleware; to a thread hand over agentsight_otel.carry(function); else put `with conversation(id):` "
    "around it"
)
"""The end of log messages about data without a conversation: what happens to it, and what to do about it."""


NOTHING: Entry = LooseEntry(NO_CONVERSATION)
"""The entry that states that no conversation is current."""

_own: ContextVar[Entry | None] = ContextVar("agentsight_conversation", default=None)
_request: ContextVar[Request | None] = ContextVar("agentsight_request", default=None)

Attached = tuple[Any, "Token[Entry | None]"]
"""The return value of ``attach``."""


class Turn(Protocol):
    """The interface of the turn in a context."""

    id: str
    span: Span
    conversation: Conversation

    def message(self, sender: str, content: object, metadata: object = None) -> None:
        """Records a message."""

    def adopt(self, conversation: Conversation) -> None:
        """Puts a turn that began without a conversation into one."""


def describe(runtime: Runtime, conversation_id: object, *, recorded: bool | None = None, **fields: Any) -> Conversation:
    """A conversation from its present fields, and those that this context already has of the same conversation.

    Args:
        runtime: The runtime in use.
        conversation_id: The id, of any type.
        recorded: Whether it is recorded. Default: as in this context.
        fields: Fields of ``ConversationFields``, of any type.
    """
    request = _request.get()
    visitor = {} if request is None else request.visitor
    return conversations.describe(runtime, conversation_id, current_conversation(), visitor, recorded, fields)


def attach(context: Context) -> Attached:
    """Makes a context current, and with it its conversation; give what this returns to ``detach``. Never raises."""
    entry: Any = context.get(_CONVERSATION)
    own = _own.get()
    if entry is not own and (entry is None or (own is not None and entry.serial in own.below)):
        entry = own
    return silent.attach(context), _own.set(entry)


def detach(attached: Attached | None) -> bool:
    """Makes the context from before ``attach`` current again; does nothing in another thread, task or context.

    Returns:
        Whether the context was detached: it was attached in this thread, task or context, and not detached before.
    """
    if attached is None:
        return False
    try:
        _own.reset(attached[1])
    except (ValueError, RuntimeError):
        return False
    silent.detach(attached[0])
    return True


Entered = tuple[Any, "Token[Entry | None]", "Token[Request | None]"]
"""The return value of ``enter``."""


def enter(context: Context, entry: Entry | None, request: Request | None) -> Entered:
    """Makes a context, an entry and a request current; give the return value to ``leave``."""
    return silent.attach(context), _own.set(entry), _request.set(request)


def leave(entered: Entered) -> None:
    """Makes current again what was current before ``enter``; does nothing in another thread, task or context."""
    silent.detach(entered[0])
    try:
        _own.reset(entered[1])
        _request.reset(entered[2])
    except (ValueError, RuntimeError):
        return


@contextmanager
def outside() -> Iterator[None]:
    """Makes no conversation current within the block, as in a new process; afterwards, the one before is again."""
    only_one.forget()
    others = {key: value for key, value in current_context().items() if key not in KEYS}
    entered = enter(Context(others), None, None)
    try:
        yield
    finally:
        leave(entered)
        only_one.forget()


def own_entry() -> Entry | None:
    """The entry in this module's own context variable; None for none."""
    return _own.get()


def current_request() -> Request | None:
    """The web request that the current code is part of; None for none."""
    return _request.get()


def undecided(around: Context) -> Entry:
    """The entry of a request that begins in a context: a conversation that is current there does not count."""
    return Undecided(NO_CONVERSATION, _superseded(around, _own.get()))


def at_a_requests_begin(around: Context) -> Conversation:
    """The conversation in which a request begins: that of a block around it, or of code that ran before it.

    A conversation that is left over from an earlier request of this thread does not count.
    """
    entry = _entry_in(around)
    if isinstance(entry, LooseEntry) and _request.get() is None:
        if entry.seen:
            return NO_CONVERSATION
        entry.seen = True
    return conversation_in(around)


def _entry_in(context: Context) -> Entry | None:
    """The newer one of the entries in OpenTelemetry's context and in this module's own variable."""
    entry: Any = context.get(_CONVERSATION)
    own = _own.get()
    if own is not None and own is not entry and (entry is None or entry.serial in own.below):
        return own
    return entry  # type: ignore[no-any-return]


def _without_entry() -> Conversation:
    request = _request.get()
    return NO_CONVERSATION if request is None else request.conversation


def conversation_in(context: Context | None) -> Conversation:
    """The conversation that is current where a context is; ``NO_CONVERSATION`` where there is none."""
    entry = _entry_in(current_context() if context is None else context)
    return _without_entry() if entry is None or entry.undecided else entry.conversation


def current_conversation() -> Conversation:
    """The conversation of the current context."""
    return conversation_in(None)


def here() -> tuple[Context, Conversation]:
    """The current context, with the current conversation in it, even where a framework has reset it; and both."""
    context = current_context()
    carried: Any = context.get(_CONVERSATION)
    own = _own.get()
    if own is not None and own is carried and not own.undecided:
        return context, own.conversation  # as nearly always
    entry = _entry_in(context)
    if entry is not None and not entry.undecided:
        return (context if entry is carried else _with_entry(entry, context)), entry.conversation
    conversation = _without_entry()
    if conversation.id:
        context = _with_entry(LooseEntry(conversation), context)
    return context, conversation


def only_conversation() -> Conversation:
    """The current conversation; without one, the only one that the code can belong to, if there is one."""
    context, conversation = here()
    if not conversation.id and _own.get() is None and _request.get() is None and _CONVERSATION not in context:
        return only_one.find()
    return conversation


def turn_in(context: Context | None) -> Turn | None:
    """The turn that a context carries."""
    if context is None:
        context = current_context()
    turn: Any = context.get(_TURN)
    if turn is not None and _own.get() is not context.get(_CONVERSATION) is not _entry_in(context):
        turn_conversation_id = turn.conversation.id
        if turn_conversation_id and turn_conversation_id != conversation_in(context).id:
            return None  # a framework has restored the turn of the conversation before
    return turn  # type: ignore[no-any-return]


def with_conversation(conversation: Conversation, context: Context | None = None) -> Context:
    """A context in which a conversation is current, without a turn of another conversation."""
    return _with_entry(Entry(conversation), current_context() if context is None else context)


def _with_entry(entry: Entry, around: Context) -> Context:
    conversation = entry.conversation
    values: dict[str, object] = {_CONVERSATION: entry}
    turn: Any = around.get(_TURN)
    if turn is not None and turn.conversation.id not in ("", conversation.id):
        values[_TURN] = None
    changed = Context(around, **values)
    if names := runtime.current().settings.propagate:
        changed = baggage.with_identity(names, conversation.attributes, changed)
    return changed


def as_turn(turn: Turn) -> dict[str, object]:
    """The values to set in a context so that a turn is current in it."""
    return {_TURN: turn}


def identity_in(context: Context | None) -> Attributes:
    """The attributes that every span started in a context carries: the conversation's, and the turn's id."""
    return identity_of(conversation_in(context), turn_in(context))


def identity_of(conversation: Conversation, turn: Turn | None) -> Attributes:
    """The attributes of every span in a conversation and turn; without a conversation, those of the turn's own."""
    attributes: Attributes = {}
    add_identity(attributes, conversation, turn)
    return attributes


def add_identity(attributes: Attributes, conversation: Conversation, turn: Turn | None) -> None:
    """Adds the attributes of ``identity_of`` to others."""
    if turn is not None and not conversation.id:
        conversation = turn.conversation
    if conversation.recorded:
        attributes.update(conversation.attributes)
        if turn is not None:
            attributes[semconv.TURN_ID] = turn.id


def with_model_hint(model: str, context: Context | None = None) -> Context:
    """A context in which model calls that name no model count as calls of this one."""
    return Context(current_context() if context is None else context, **{_MODEL_HINT: model})


def model_hint_in(context: Context | None) -> str:
    """The model to assume where a call names none; '' if there is no hint."""
    return str((current_context() if context is None else context).get(_MODEL_HINT) or "")


def make_current(conversation: Conversation) -> None:
    """Makes a conversation current from here on: to the end of the task, thread, request or surrounding block."""
    around, own = current_context(), _own.get()
    entry = LooseEntry(conversation, _superseded(around, own))
    silent.attach(_with_entry(entry, around))
    _own.set(entry)
    request = _request.get()
    if request is None:
        only_one.loose.add(entry)
        if "IPython" in sys.modules:
            notebooks.made_current(entry, _go_on_with)
    elif own is None or own.loose:
        request.tell(entry, own)
    del around, own  # so that entries that are no longer current can be collected
    only_one.entered(conversation)


def _go_on_with(entry: Entry) -> None:
    """Makes an entry of another context current here too, unless a newer one is."""
    own = _own.get()
    if own is None or own.serial < entry.serial:
        _own.set(LooseEntry(entry.conversation, _superseded(current_context(), own)))


def begin_block(block: "Scope", conversation: Conversation) -> None:
    """Notes that a block in a conversation begins; it ends by removing it from ``only_one.blocks``."""
    if (request := _request.get()) is not None:
        request.latest = conversation
    only_one.entered(conversation)
    only_one.blocks.add(block)


def _superseded(around: Context, own: Entry | None) -> tuple[int, ...]:
    """The serial numbers of the entries that an entry made now replaces."""
    entry: Any = around.get(_CONVERSATION)
    below: tuple[int, ...] = ()
    if own is not None and (entry is None or entry is own or entry.serial in own.below):
        below = (own.serial, *own.below)
    if entry is not None and entry.serial not in below:
        below = (entry.serial, *below)
    return below[:_MOST_BELOW]


_COPIED = (str, int, float, type(None), Conversation)


def _over(kind: "type[Scope]", attributes: dict[str, Any]) -> "Scope":
    made = kind.__new__(kind)
    made.__dict__.update(attributes)
    made._become_copy()
    return made


class Scope:
    """A piece of work: the context that it runs in, and an end.

    Attributes:
        context: The context that is current while it runs.
        left_at: When it was last left unfinished, by the monotonic clock; ``inf`` while it runs.
        notes_items: Whether the items of a stream are content of the work; those of a web response are not, because
            they are encoded.
    """

    context: Context
    left_at: float = float("inf")
    notes_items: bool = True

    def __init__(self, context: Context) -> None:
        self.context = context

    def __reduce__(self) -> tuple[Any, ...]:
        """Makes copies and unpickled scopes ended ones: an application may copy all of its state."""
        attributes = {name: value for name, value in self.__dict__.items() if isinstance(value, _COPIED)}
        return _over, (type(self), attributes)

    def _become_copy(self) -> None:
        """Sets the attributes that a copy does not take over from the original."""
        self.context = Context()
        self._finished = True

    def result(self, value: object) -> None:
        """Records the return value of the work."""

    def yielded(self, item: object) -> None:
        """Records one item of a stream that the work returned."""

    def finish(self, error: BaseException | None = None) -> None:
        """Ends the work, with an error or not; only the first call counts."""

    @property
    def finished(self) -> bool:
        """Whether the work has ended."""
        return False

    def leave_block(self, error: BaseException | None = None) -> None:
        """Called when the block or call with which the work began is left: ends the work, unless it was handed over."""
        self.finish(error)

    def hand_over(self) -> None:
        """Hands the work over to a stream or future, which ends it from here on."""
