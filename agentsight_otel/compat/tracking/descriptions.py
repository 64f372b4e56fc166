"""Turns the tracker's arguments about a conversation into the conversation's fields."""

from collections.abc import Mapping
from typing import Any

from agentsight_otel import semconv
from agentsight_otel._tracing import runtime
from agentsight_otel.compat.tracking.arguments import plain


def description(
    customer_id: object,
    customer_ip_address: object,
    device: object,
    source: object,
    language: object,
    name: object,
    metadata: object,
    environment: object,
    environment_before: str | None,
) -> dict[str, Any]:
    """The fields of a conversation, by the argument names of ``api.get_or_create_conversation``.

    Args:
        customer_id: Who the customer is.
        customer_ip_address: The customer's IP address.
        device: The customer's device.
        source: The channel.
        language: A BCP-47 tag.
        name: A title for people; a mapping in its place is taken as the metadata.
        metadata: A JSON object.
        environment: The conversation's environment.
        environment_before: The ``environment`` of ``configure``.
    """
    if isinstance(name, Mapping) and metadata is None:
        name, metadata = None, name
    return {
        "customer_id": customer_id,
        "customer_ip_address": customer_ip_address,
        "device": plain(device),
        "source": plain(source),
        "language": plain(language),
        "name": name,
        "metadata": metadata,
        "environment": _environment(environment, environment_before),
    }


def _environment(argument: object, before: str | None) -> str | None:
    resource = getattr(runtime.current().tracer, "resource", None)
    stated = {} if resource is None else resource.attributes
    if any(stated.get(key) for key in semconv.RESOURCE_ENVIRONMENT_KEYS):
        return None  # as in AgentSight 0.0, the deployment's environment has priority over the argument
    stated_here = plain(argument) or before
    return None if stated_here is None else str(stated_here)
