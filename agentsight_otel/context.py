"""The current conversation and turn. They travel in OpenTelemetry's context, wherever that is carried."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import Span

from agentsight_otel import geo, identity, semconv
from agentsight_otel._guard import say
from agentsight_otel.runtime import Runtime
from agentsight_otel.serialize import to_text

Attributes = dict[str, str | bool | int | float]

_CONVERSATION = otel_context.create_key("agentsight-conversation")
_TURN = otel_context.create_key("agentsight-turn")


@dataclass(frozen=True)
class Conversation:
    """One conversation, as far as this process knows it.

    Attributes:
        id: As given; '' where spans belong to none.
        attributes: The identity attributes that every span inside it carries.
    """

    id: str
    attributes: Attributes = field(default_factory=dict)

    @cached_property
    def trace_id(self) -> int | None:
        """The trace that it is, as an integer; None without an id."""
        return identity.trace_id(self.id) if self.id else None


NO_CONVERSATION = Conversation("")


class Turn(Protocol):
    """What a context's turn offers to whoever finds it there."""

    id: str
    span: Span
    conversation: Conversation

    def message(self, sender: str, content: object, metadata: object = None) -> None:
        """Records a message."""

    def adopt(self, conversation: Conversation) -> None:
        """Puts a turn that began without a conversation into the one that is known now."""


def describe(
    runtime: Runtime,
    conversation_id: object,
    *,
    customer_id: object = None,
    customer_ip_address: object = None,
    device: object = None,
    source: object = None,
    language: object = None,
    name: object = None,
    metadata: object = None,
    environment: object = None,
    country: object = None,
) -> Conversation:
    """A conversation from what is given of it now, and what this context already knows of the same one."""
    limit = runtime.settings.max_value_bytes

    def text(value: object) -> str:
        return to_text(value, limit).strip()

    known = text(conversation_id)
    if not known:
        say("conversation_id", f"conversation_id: {conversation_id!r}: expected a non-empty text; it counts nowhere")
    attributes: Attributes = {}
    if customer_ip_address is not None and text(customer_ip_address):
        attributes.update(geo.attributes_of(text(customer_ip_address), runtime.settings.ip_policy, runtime.geolocator))
    given = {
        semconv.CONVERSATION_ID: known,
        semconv.CONVERSATION_DEVICE: text(device).lower(),
        semconv.CONVERSATION_SOURCE: text(source).lower(),
        semconv.CONVERSATION_LANGUAGE: text(language),
        semconv.CONVERSATION_NAME: text(name),
        semconv.CONVERSATION_METADATA: to_text(metadata, limit),
        semconv.USER_ID: text(customer_id),
        semconv.DEPLOYMENT_ENVIRONMENT_NAME: text(environment),
        semconv.GEO_COUNTRY_ISO_CODE: text(country).upper(),
    }
    attributes.update({key: value for key, value in given.items() if value})
    current = current_conversation()
    if known and current.id == known:
        attributes = {**current.attributes, **attributes}
    return Conversation(known, attributes)


def conversation_in(context: Context | None) -> Conversation:
    """The conversation that a context carries; ``NO_CONVERSATION`` where it carries none."""
    found = otel_context.get_value(_CONVERSATION, context)
    return found if isinstance(found, Conversation) else NO_CONVERSATION


def current_conversation() -> Conversation:
    """The conversation of the current context."""
    return conversation_in(None)


def turn_in(context: Context | None) -> Turn | None:
    """The turn that a context carries."""
    return otel_context.get_value(_TURN, context)  # type: ignore[return-value]


def with_conversation(conversation: Conversation, context: Context | None = None) -> Context:
    """A context in which a conversation is current; a turn of another conversation is no longer."""
    before = conversation_in(context)
    changed = otel_context.set_value(_CONVERSATION, conversation, context)
    if before.id and before.id != conversation.id:
        changed = otel_context.set_value(_TURN, None, changed)
    return changed


def with_turn(turn: Turn, context: Context | None = None) -> Context:
    """A context in which a turn is current."""
    return otel_context.set_value(_TURN, turn, context)


def identity_in(context: Context | None) -> Attributes:
    """The attributes that every span started in a context carries: the conversation's, and the turn's id."""
    conversation, turn = conversation_in(context), turn_in(context)
    if turn is None:
        return conversation.attributes
    return {**(conversation if conversation.id else turn.conversation).attributes, semconv.TURN_ID: turn.id}


def make_current(conversation: Conversation) -> None:
    """Makes a conversation current from here on: to the end of the task, thread or surrounding block."""
    otel_context.attach(with_conversation(conversation))


class Scope:
    """A piece of work with a context of its own, entered and left any number of times (once a generator's step).

    What the work changes in its context between entering and leaving is there again when it is entered next.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    def enter(self) -> object:
        """Makes the context current; give what this returns to ``leave``."""
        return otel_context.attach(self._context)

    def leave(self, token: object) -> None:
        """Makes the context from before ``enter`` current again."""
        self._context = otel_context.get_current()
        otel_context.detach(token)  # type: ignore[arg-type]

    def result(self, value: object) -> None:
        """Takes note of what the work returned."""

    def fail(self, error: BaseException) -> None:
        """Takes note of what the work raised."""

    def finish(self) -> None:
        """The work is over."""
