"""Conversation identity across services, in W3C baggage: an allow-list of keys, bounded in size."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context

from agentsight_otel import semconv

KEYS: Final[Mapping[str, str]] = {"conversation_id": semconv.CONVERSATION_ID, **semconv.CONVERSATION_FIELDS}
"""What baggage may carry: each argument of ``conversation()``, and its baggage entry, named as the span attribute."""

DEFAULT_NAMES: Final = ("conversation_id", "device", "source", "language", "environment", "country")
"""The fields that baggage carries by default: none of them says who the customer is."""

MAX_BYTES: Final = 2_048
"""The most bytes that all our entries of one baggage header take together; entries beyond that are left out."""


def with_identity(names: Iterable[str], attributes: Mapping[str, Any], context: Context) -> Context:
    """A copy of a context whose baggage carries this conversation, and nothing of the conversation before.

    Args:
        names: The fields to carry, each a key of ``KEYS``.
        attributes: The conversation's identity attributes.
        context: The context to copy; its other entries stay.
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
        headers: The values of the request's ``baggage`` headers.
        names: The fields to read, each a key of ``KEYS``; empty means ``DEFAULT_NAMES``.
    """
    carrier = {"baggage": ",".join(headers)}
    carried = baggage.get_all(W3CBaggagePropagator().extract(carrier, Context()))
    fields = {name: str(carried.get(KEYS[name], "")) for name in {*(names or DEFAULT_NAMES), "conversation_id"}}
    return {name: value for name, value in fields.items() if value} if fields["conversation_id"].strip() else {}
