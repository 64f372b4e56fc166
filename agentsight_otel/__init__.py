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
    conversation,
    end_conversation,
    feedback,
    get_or_create_conversation,
    initialize_conversation,
    open_conversation,
    task,
    tool,
    turn,
    user_message,
)
from agentsight_otel.config import SettingError
from agentsight_otel.context import Conversation
from agentsight_otel.processors import ConversationSpanProcessor
from agentsight_otel.setup import flush, init, is_enabled, shutdown

__all__ = [
    "Conversation",
    "ConversationSpanProcessor",
    "SettingError",
    "agent_message",
    "button",
    "conversation",
    "end_conversation",
    "feedback",
    "flush",
    "get_or_create_conversation",
    "init",
    "initialize_conversation",
    "is_enabled",
    "open_conversation",
    "shutdown",
    "task",
    "tool",
    "turn",
    "user_message",
]
