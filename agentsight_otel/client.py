"""The clients of AgentSight 0.0."""

from agentsight_otel.compat.manager import ConversationManager, conversation_manager
from agentsight_otel.compat.reader import AgentSightAPI, agentsight_api
from agentsight_otel.compat.tracker import ConversationTracker, conversation_tracker

__all__ = [
    "AgentSightAPI",
    "ConversationManager",
    "ConversationTracker",
    "agentsight_api",
    "conversation_manager",
    "conversation_tracker",
]
