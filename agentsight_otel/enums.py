"""The enumerations of AgentSight's own SDK."""

from agentsight_otel.compat.enums import (
    AgentType,
    AttachmentMode,
    Environment,
    LogLevel,
    Sender,
    Sentiment,
    TokenHandlerType,
)

__all__ = [
    "AgentType",
    "AttachmentMode",
    "Environment",
    "LogLevel",
    "Sender",
    "Sentiment",
    "TokenHandlerType",
]
