"""Open instrumentation for conversational AI agents: conversations as OpenTelemetry traces.

import agentsight_otel as agentsight

agentsight.init(service_name="support-agent")
agentsight.get_or_create_conversation("conversation-1", device="mobile", source="web", language="en")
with agentsight.turn():
    agentsight.user_message("Where is my order?")
    agentsight.agent_message("On its way.")
"""

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

__all__ = [
    "Conversation",
    "ConversationSpanProcessor",
    "SettingError",
    "abandon_turn",
    "agent_message",
    "button",
    "carry",
    "conversation",
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
