"""The current conversation and turn. They travel in OpenTelemetry's context, wherever that is carried."""

from collections.abc import Callable, Iterable, Mapping
from contextvars import Token
from dataclasses import dataclass, field
from typing import Any, Protocol, TypedDict

from opentelemetry import context as otel_context

# attach() and detach() of the public module log "Failed to detach context" where a context is left by another thread
# or task than entered it, which is nobody's fault in a generator that is closed from elsewhere.
from opentelemetry.context import _RUNTIME_CONTEXT, Context
from opentelemetry.trace import Span

from agentsight_otel import baggage, geo, identity, runtime, semconv
from agentsight_otel._guard import say, swallow
from agentsight_otel._locks import new_lock
from agentsight_otel.runtime import Runtime
from agentsight_otel.serialize import to_text

Attributes = dict[str, str | bool | int | float]

_CONVERSATION = otel_context.create_key("agentsight-conversation")
_VISITOR = otel_context.create_key("agentsight-visitor")
_TURN = otel_context.create_key("agentsight-turn")
_MODEL_HINT = otel_context.create_key("agentsight-model-hint")
_FIELDS: dict[str, tuple[str, Callable[[str], str] | None]] = {
    "customer_id": (semconv.USER_ID, None),
    "device": (semconv.CONVERSATION_DEVICE, str.lower),
    "source": (semconv.CONVERSATION_SOURCE, str.lower),
    "language": (semconv.CONVERSATION_LANGUAGE, None),
    "name": (semconv.CONVERSATION_NAME, None),
    "metadata": (semconv.CONVERSATION_METADATA, None),
    "environment": (semconv.DEPLOYMENT_ENVIRONMENT_NAME, None),
    "country": (semconv.GEO_COUNTRY_ISO_CODE, str.upper),
}
_MAX_SHORT = 200  # characters
current_context = _RUNTIME_CONTEXT.get_current
"""Returns OpenTelemetry's current context."""

_metadata_lock = new_lock()  # putting somebody's values into text runs code of theirs


@dataclass(eq=False, slots=True)
class Conversation:
    """One conversation, as far as this process knows it.

    Attributes:
        id: As given; '' where spans belong to none.
        attributes: The identity attributes that every span inside it carries.
        metadata: The JSON object among them, before it became text.
        recorded: False where the application asked for nothing to be recorded.
    """

    id: str
    attributes: Attributes = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    recorded: bool = True

    @property
    def trace_id(self) -> int | None:
        """The trace that it is, as an integer; None without an id."""
        return identity.trace_id(self.id) if self.id else None

    def update_metadata(self, changed: Mapping[str, Any], removed: Iterable[str], max_bytes: int) -> None:
        """Changes the metadata for every span from here on, wherever this conversation is current."""
        with _metadata_lock:
            self.metadata.update(changed)
            for key in removed:
                self.metadata.pop(key, None)
            self.attributes[semconv.CONVERSATION_METADATA] = to_text(self.metadata, max_bytes)


NO_CONVERSATION = Conversation("")


class CustomerFields(TypedDict, total=False):
    """What may be said of a conversation, besides its id and name.

    Attributes:
        customer_id: Who the customer is (user.id).
        customer_ip_address: Geolocated, then stored as the IP policy allows.
        device: desktop, tablet, mobile, …
        source: web, whatsapp, viber, …
        language: A BCP-47 tag.
        metadata: A JSON object.
        environment: The conversation's own, where it differs from the deployment's.
        country: ISO 3166-1 alpha-2, where you know it yourself.
    """

    customer_id: str | None
    customer_ip_address: str | None
    device: str | None
    source: str | None
    language: str | None
    metadata: Mapping[str, Any] | None
    environment: str | None
    country: str | None


class ConversationFields(CustomerFields, total=False):
    """What may be said of a conversation, besides its id.

    Attributes:
        name: A title for people.
    """

    name: str | None


class Turn(Protocol):
    """What a context's turn offers to whoever finds it there."""

    id: str
    span: Span
    conversation: Conversation

    def message(self, sender: str, content: object, metadata: object = None) -> None:
        """Records a message."""

    def adopt(self, conversation: Conversation) -> None:
        """Puts a turn that began without a conversation into the one that is known now."""


def describe(runtime: Runtime, conversation_id: object, *, recorded: bool | None = None, **given: Any) -> Conversation:
    """A conversation from what is given of it now, and what this context already knows of the same one.

    Args:
        runtime: In use.
        conversation_id: As given.
        recorded: Whether it is; default: as this context knows.
        given: Of ``ConversationFields``; of any type.
    """
    limit = runtime.settings.max_value_bytes
    known = _short(conversation_id, limit)
    if not known:
        say("conversation_id", f"conversation_id: {conversation_id!r}: expected a non-empty text; it counts nowhere")
    attributes: Attributes = {}
    customer_address = given.pop("customer_ip_address", None)
    if customer_address is not None and (address := to_text(customer_address, limit).strip()):
        attributes.update(geo.attributes_of(address, runtime.settings.ip_policy, runtime.geolocator))
    if known:
        attributes[semconv.CONVERSATION_ID] = known
    for field_name, value in given.items():
        if value is None:
            continue
        if field_name not in _FIELDS:
            say(
                f"field {field_name}",
                f"{field_name}: expected one of {', '.join(ConversationFields.__annotations__)}; ignored",
            )
            continue
        key, fold = _FIELDS[field_name]
        if text := _short(value, limit):
            attributes[key] = fold(text) if fold else text
    metadata = given.get("metadata")
    document = dict(metadata) if metadata is not None and isinstance(metadata, Mapping) else {}
    around = current_context()
    current = conversation_in(around)
    if known and current.id == known:
        attributes = {**current.attributes, **attributes}
        document = document or dict(current.metadata)
        recorded = current.recorded if recorded is None else recorded
    if visitor := around.get(_VISITOR):
        address_known = customer_address is not None or semconv.CLIENT_ADDRESS in attributes
        attributes = {**_visitor(visitor, with_address=not address_known), **attributes}
    return Conversation(known, attributes, document, recorded is not False)


def _short(value: object, limit: int) -> str:
    """The text of a value, without space around it."""
    if type(value) is str and len(value) < _MAX_SHORT and value.isascii():
        return value.strip()  # as nearly always
    return to_text(value, limit).strip()


def with_visitor(attributes: Attributes, context: Context | None = None) -> Context:
    """A context in which conversations take these identity attributes where nothing else is known of them.

    Args:
        attributes: What a request tells of who sent it.
        context: Default: the current one.
    """
    return otel_context.set_value(_VISITOR, attributes, context)


def _visitor(found: Any, *, with_address: bool) -> Attributes:
    # The place belongs to the address.
    return {key: value for key, value in found.items() if with_address or not key.startswith(("client.", "geo."))}


def conversation_in(context: Context | None) -> Conversation:
    """The conversation that a context carries; ``NO_CONVERSATION`` where it carries none."""
    found = (current_context() if context is None else context).get(_CONVERSATION, NO_CONVERSATION)
    return found if type(found) is Conversation else NO_CONVERSATION


def current_conversation() -> Conversation:
    """The conversation of the current context."""
    return conversation_in(None)


def turn_in(context: Context | None) -> Turn | None:
    """The turn that a context carries."""
    return (current_context() if context is None else context).get(_TURN)  # type: ignore[return-value]


def with_conversation(conversation: Conversation, context: Context | None = None) -> Context:
    """A context in which a conversation is current; a turn of another conversation is no longer."""
    around = current_context() if context is None else context
    values: dict[str, object] = {_CONVERSATION: conversation}
    if _TURN in around and conversation_in(around).id not in ("", conversation.id):
        values[_TURN] = None
    changed = Context(around, **values)
    if names := runtime.current().settings.propagate:
        changed = baggage.with_identity(names, conversation.attributes, changed)
    return changed


def as_turn(turn: Turn) -> dict[str, object]:
    """What to set in a context so that a turn is current in it."""
    return {_TURN: turn}


def identity_in(context: Context | None) -> Attributes:
    """The attributes that every span started in a context carries: the conversation's, and the turn's id."""
    return identity_of(conversation_in(context), turn_in(context))


def identity_of(conversation: Conversation, turn: Turn | None) -> Attributes:
    """The attributes of every span in a conversation and turn; where the former is none, of the turn's own."""
    found: Attributes = {}
    add_identity(found, conversation, turn)
    return found


def add_identity(attributes: Attributes, conversation: Conversation, turn: Turn | None) -> None:
    """Adds what ``identity_of`` returns."""
    if turn is not None and not conversation.id:
        conversation = turn.conversation
    if conversation.recorded:
        attributes.update(conversation.attributes)
        if turn is not None:
            attributes[semconv.TURN_ID] = turn.id


def with_model_hint(model: str, context: Context | None = None) -> Context:
    """A context in which calls of a model that nobody names are calls of this one."""
    return otel_context.set_value(_MODEL_HINT, model, context)


def model_hint_in(context: Context | None) -> str:
    """The model to assume where a call names none; '' if there is no hint."""
    return str(otel_context.get_value(_MODEL_HINT, context) or "")


def make_current(conversation: Conversation) -> None:
    """Makes a conversation current from here on: to the end of the task, thread or surrounding block."""
    attach(with_conversation(conversation))


def attach(context: Context) -> "Token[Context] | None":
    """Makes a context current; give what this returns to ``detach``. Never raises."""
    try:
        return _RUNTIME_CONTEXT.attach(context)
    except Exception as error:
        swallow("entering a context", error)
        return None


def detach(token: "Token[Context] | None") -> None:
    """Makes the context from before ``attach`` current again; elsewhere than where it was attached, nothing."""
    if token is None:
        return
    try:
        _RUNTIME_CONTEXT.detach(token)
    except (ValueError, RuntimeError):
        return  # in another thread or task, where it is not current; or for the second time
    except Exception as error:
        swallow("leaving a context", error)


class Scope:
    """A piece of work: the context that it runs in, and an end.

    Attributes:
        context: What is current while it runs.
        left_at: When it was last left with the work still going on, by the monotonic clock; ``inf`` while it runs.
    """

    context: Context
    left_at: float = float("inf")

    def __init__(self, context: Context) -> None:
        self.context = context

    def result(self, value: object) -> None:
        """Takes note of what the work returned."""

    def finish(self, error: BaseException | None = None) -> None:
        """The work is over, by an error or not; only the first time counts."""

    @property
    def finished(self) -> bool:
        """Whether it is over."""
        return False

    def leave_block(self, error: BaseException | None = None) -> None:
        """The block or call that the work began with is over, and with it the work, unless it was handed over."""
        self.finish(error)

    def hand_over(self) -> None:
        """From here on the work is over when what it was handed over to says so."""
