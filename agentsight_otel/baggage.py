"""Conversation identity across services, in W3C baggage: an allow-list of keys, bounded in size."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context

from agentsight_otel import semconv

KEYS: Final[Mapping[str, str]] = {
    "conversation_id": semconv.CONVERSATION_ID,
    "device": semconv.CONVERSATION_DEVICE,
    "source": semconv.CONVERSATION_SOURCE,
    "language": semconv.CONVERSATION_LANGUAGE,
    "environment": semconv.DEPLOYMENT_ENVIRONMENT_NAME,
    "country": semconv.GEO_COUNTRY_ISO_CODE,
    "name": semconv.CONVERSATION_NAME,
    "metadata": semconv.CONVERSATION_METADATA,
    "customer_id": semconv.USER_ID,
    "customer_ip_address": semconv.CLIENT_ADDRESS,
}
"""What may be carried: the argument of ``conversation()``, and the baggage entry, named as the attribute."""

DEFAULT_NAMES: Final = ("conversation_id", "device", "source", "language", "environment", "country")
"""What is carried where nothing else is asked for: nothing that tells of the person."""

MAX_BYTES: Final = 2_048
"""Of all our entries in one header; those that find no room are left out."""


def with_identity(names: Iterable[str], attributes: Mapping[str, Any], context: Context) -> Context:
    """A context whose baggage carries a conversation, and nothing of the one before.

    Args:
        names: The allow-list, of ``KEYS``.
        attributes: The conversation's identity.
        context: To start from.
    """
    left = MAX_BYTES
    for name in ("conversation_id", *(name for name in names if name != "conversation_id")):
        key = KEYS[name]
        value = str(attributes.get(key, ""))
        size = len(key) + 2 + 3 * len(value.encode("utf-8", "replace"))  # in the header a byte may take three
        if value and size <= left:
            left -= size
            context = baggage.set_baggage(key, value, context)
        elif baggage.get_baggage(key, context) is not None:
            context = baggage.remove_baggage(key, context)
    return context


def read(headers: Iterable[str], names: Iterable[str]) -> dict[str, str]:
    """The arguments of ``conversation()`` that a baggage header gives; empty if it names no conversation.

    Args:
        headers: Its values.
        names: The allow-list; empty means ``DEFAULT_NAMES``.
    """
    carrier = {"baggage": ",".join(headers)}
    carried = baggage.get_all(W3CBaggagePropagator().extract(carrier, Context()))
    found = {name: str(carried.get(KEYS[name], "")) for name in {*(names or DEFAULT_NAMES), "conversation_id"}}
    return {name: value for name, value in found.items() if value} if found["conversation_id"].strip() else {}
