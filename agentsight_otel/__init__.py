"""Open instrumentation for conversational AI agents: conversations as OpenTelemetry traces.

import agentsight_otel as agentsight

agentsight.init(service_name="support-agent")
agentsight.get_or_create_conversation("conversation-1", device="mobile", source="web", language="en")
with agentsight.turn():
    agentsight.user_message("Where is my order?")
    agentsight.agent_message("On its way.")
"""

from typing import TYPE_CHECKING, Any

from agentsight_otel.api import (
    agent_message,
    button,
    end_conversation,
    feedback,
    get_or_create_conversation,
    initialize_conversation,
    open_conversation,
    record_attachments,
    update_metadata,
    user_message,
)
from agentsight_otel.concurrency import carry
from agentsight_otel.config import SettingError
from agentsight_otel.context import Conversation
from agentsight_otel.manager import ConversationManager, conversation_manager
from agentsight_otel.processors import ConversationSpanProcessor
from agentsight_otel.scopes import (
    abandon_turn,
    conversation,
    end_turn,
    generation,
    model_hint,
    task,
    tool,
    turn,
    wrap,
)
from agentsight_otel.setup import flush, init, is_enabled, shutdown
from agentsight_otel.tracker import ConversationTracker, conversation_tracker

if TYPE_CHECKING:
    from agentsight_otel.reader import AgentSightAPI, agentsight_api

__all__ = [
    "AgentSightAPI",
    "Conversation",
    "ConversationManager",
    "ConversationSpanProcessor",
    "ConversationTracker",
    "SettingError",
    "abandon_turn",
    "agent_message",
    "agentsight_api",
    "button",
    "carry",
    "conversation",
    "conversation_manager",
    "conversation_tracker",
    "end_conversation",
    "end_turn",
    "feedback",
    "flush",
    "generation",
    "get_or_create_conversation",
    "init",
    "initialize_conversation",
    "is_enabled",
    "model_hint",
    "open_conversation",
    "record_attachments",
    "shutdown",
    "task",
    "tool",
    "turn",
    "update_metadata",
    "user_message",
    "wrap",
]


def __getattr__(name: str) -> Any:
    # Reading belongs to the ClickHouse half: nothing of that is imported before somebody reads.
    if name in ("AgentSightAPI", "agentsight_api"):
        from agentsight_otel import reader

        return getattr(reader, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
