"""What this process knows of a conversation: its id and the identity attributes that every span inside it carries."""

import enum
import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict

from agentsight_otel import semconv
from agentsight_otel._core import geo
from agentsight_otel._core.guard import did_you_mean, say
from agentsight_otel._core.limits import MAX_FIELD_CHARACTERS
from agentsight_otel._core.locks import new_lock
from agentsight_otel._core.setting_types import environment_name
from agentsight_otel._core.values import bounded, to_text
from agentsight_otel._export.span_sizes import attributes_wire_bytes
from agentsight_otel._tracing import ids
from agentsight_otel._tracing.runtime import Runtime

Attributes = dict[str, str | bool | int | float]

_MAX_SHORT = 200  # characters
_metadata_lock = new_lock()  # putting somebody's values into text runs code of theirs


@dataclass(eq=False, slots=True)
class Conversation:
    """One conversation, as far as this process knows it.

    Attributes:
        id: As text; '' where spans belong to none.
        attributes: The identity attributes that every span inside it carries.
        metadata: The JSON object among them, before it became text.
        recorded: False where the application asked for nothing to be recorded.
    """

    id: str
    attributes: Attributes = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    recorded: bool = True
    _wire_bytes: int = 0

    @property
    def wire_bytes(self) -> int:
        """Of its attributes as OTLP protobuf, at most."""
        if not self._wire_bytes:
            self._wire_bytes = attributes_wire_bytes(self.attributes)
        return self._wire_bytes

    @property
    def trace_id(self) -> int | None:
        """The trace that it is, as an integer; None without an id."""
        return ids.trace_id(self.id) if self.id else None

    def update_metadata(
        self, changed: Mapping[str, Any], removed: Iterable[str], write: Callable[[object], str]
    ) -> None:
        """Changes the metadata for every span from here on, wherever this conversation is current.

        Args:
            changed: Members to add or replace.
            removed: Members to take out.
            write: Puts the metadata into text.
        """
        with _metadata_lock:
            self.metadata.update(changed)
            for key in removed:
                self.metadata.pop(key, None)
            self.attributes[semconv.CONVERSATION_METADATA] = write(self.metadata)
            self._wire_bytes = 0


NO_CONVERSATION = Conversation("")


def members_of(metadata: object, write: Callable[[object], str]) -> dict[str, Any]:
    """The members of metadata, whatever it is given as: a mapping, the text of a JSON object, or any other value.

    Args:
        metadata: As the application gives it.
        write: Puts metadata into the text of a JSON object.
    """
    return dict(metadata) if isinstance(metadata, Mapping) else metadata_in(write(metadata))


def metadata_in(text: object) -> dict[str, Any]:
    """The members of metadata from the attribute of a span; empty where it is none."""
    try:
        read = json.loads(str(text or "{}"))
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


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

    customer_id: object
    customer_ip_address: object
    device: object
    source: object
    language: object
    metadata: Mapping[str, Any] | None
    environment: object
    country: object


class ConversationFields(CustomerFields, total=False):
    """What may be said of a conversation, besides its id.

    Attributes:
        name: A title for people.
    """

    name: str | None


_FOLDS: dict[str, Callable[[str], str]] = {
    "device": str.lower,
    "source": str.lower,
    "country": str.upper,
    "environment": environment_name,
}


def new_id() -> str:
    """An id for a conversation that was given none."""
    return f"conv_{uuid.uuid4().hex}"


def id_text(value: object, limit: int) -> str:
    """The text of an identifier, without space around it: of a UUID, ObjectId, number or address its ``str()``.

    A member of an Enum is its value; None, NaN and what has no text are ''. A mapping or a list becomes JSON.

    Args:
        value: As the application has it.
        limit: The most bytes of UTF-8.
    """
    if type(value) is str and len(value) < _MAX_SHORT and value.isascii():
        return value.strip()  # as nearly always
    if isinstance(value, enum.Enum):
        return id_text(value.value, limit)
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, (str, bool, Mapping, list, tuple, set, frozenset)):
        return to_text(value, limit).strip()
    if isinstance(value, (bytes, bytearray)):
        return bounded(bytes(value[:limit]).decode("utf-8", "replace"), limit).strip()
    try:
        text = str(value)
    except Exception:  # the value's own code
        return ""
    return bounded(text, limit).strip()


def _cut(field_name: str, text: str, room: int = MAX_FIELD_CHARACTERS) -> str:
    """As long as AgentSight's own SDKs let it be.

    Args:
        field_name: Of the conversation.
        text: The field.
        room: So many characters are left for masks to see; after them it is cut. Where that is impossible, 0: of a
            text with several words no half of a word is left.
    """
    if len(text) <= MAX_FIELD_CHARACTERS:
        return text
    say(f"long {field_name}", f"{field_name}: {text[:40]!r}…: cut at {MAX_FIELD_CHARACTERS} characters")
    cut = text[: room or MAX_FIELD_CHARACTERS].strip()
    return cut if room else cut.rpartition(" ")[0] or cut


def describe(
    runtime: Runtime,
    conversation_id: object,
    current: Conversation,
    visitor: Attributes,
    recorded: bool | None,
    given: dict[str, Any],
) -> Conversation:
    """A conversation from what is given of it now, and what is already known of the same one.

    Without an id it gets a new one, so that what happens in it counts.

    Args:
        runtime: In use.
        conversation_id: As given.
        current: The conversation around; of the same id, what is known of it stays.
        visitor: What a web request tells of who sent it.
        recorded: Whether it is; None: as the conversation around.
        given: Of ``ConversationFields``; of any type. Is used up.
    """
    limit = runtime.settings.recorded_bytes
    known = _cut("conversation_id", id_text(conversation_id, limit))
    if not known:
        known = new_id()
        say(
            "conversation_id",
            f"conversation_id: {conversation_id!r}: expected a non-empty text; the conversation gets a new id, "
            f"{known!r}: hand over the id by which your application knows it",
        )
    attributes: Attributes = {}
    customer_address = given.pop("customer_ip_address", None)
    if customer_address is not None and (address := id_text(customer_address, limit)):
        attributes.update(
            geo.attributes_of(
                address, runtime.settings.ip_policy, runtime.geolocator, has_country=bool(given.get("country"))
            )
        )
    attributes[semconv.CONVERSATION_ID] = known
    metadata = given.pop("metadata", None)
    if metadata is not None and (text := runtime.object(metadata)):
        attributes[semconv.CONVERSATION_METADATA] = text
    for field_name, value in given.items():
        if value is None:
            continue
        if field_name not in semconv.CONVERSATION_FIELDS:
            fields = list(semconv.CONVERSATION_FIELDS)
            say(
                f"field {field_name}",
                f"{field_name}: not a field of a conversation{did_you_mean(field_name, fields)}; ignored."
                f" Expected one of {', '.join(fields)}",
            )
            continue
        text = id_text(value, limit)
        if len(text) > MAX_FIELD_CHARACTERS:
            room = runtime.settings.recorded(MAX_FIELD_CHARACTERS)
            text = _cut(field_name, text, 0 if runtime.settings.mask and room == MAX_FIELD_CHARACTERS else room)
        if text:
            fold = _FOLDS.get(field_name)
            attributes[semconv.CONVERSATION_FIELDS[field_name]] = fold(text) if fold else text
    document = members_of(metadata, runtime.object)
    if current.id == known:
        attributes = {**current.attributes, **attributes}
        document = document or dict(current.metadata)
        recorded = current.recorded if recorded is None else recorded
    if visitor:
        # The place belongs to the address.
        address_known = customer_address is not None or semconv.CLIENT_ADDRESS in attributes
        told = {k: v for k, v in visitor.items() if not (address_known and k.startswith(("client.", "geo.")))}
        attributes = {**told, **attributes}
    return Conversation(known, attributes, document, recorded is not False)
