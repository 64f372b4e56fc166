"""The helpers of AgentSight 0.0."""

from agentsight_otel.compat.former_helpers import (
    AgentSightJSONEncoder,
    generate_conversation_id,
    get_iso_timestamp,
    get_mime_type,
)

__all__ = ["AgentSightJSONEncoder", "generate_conversation_id", "get_iso_timestamp", "get_mime_type"]
