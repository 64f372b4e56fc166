"""Open instrumentation for conversational AI agents: conversations as OpenTelemetry traces.

import agentsight_otel as agentsight

agentsight.init(service_name="support-agent")
agentsight.get_or_create_conversation("conversation-1", device="mobile", source="web", language="en")
with agentsight.turn():
    agentsight.user_message("Where is my order?")
    agentsight.agent_message("On its way.")
"""

import importlib
from typing import TYPE_CHECKING, Any

from agentsight_otel._core.config import SettingError, Settings
from agentsight_otel._core.version import VERSION
from agentsight_otel._lifecycle.setup import flush, init, is_enabled, shutdown
from agentsight_otel._recording.api import (
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
from agentsight_otel._recording.decorators import (
    abandon_turn,
    conversation,
    end_turn,
    generation,
    model_hint,
    task,
    turn,
    wrap,
)
from agentsight_otel._recording.threads import carry
from agentsight_otel._recording.tools import tool
from agentsight_otel._tracing.context import Conversation
from agentsight_otel._tracing.processors import ConversationSpanProcessor
from agentsight_otel.compat.manager import ConversationManager, conversation_manager
from agentsight_otel.compat.tracker import ConversationTracker, conversation_tracker
from agentsight_otel.compat.uploads import upload_attachments

if TYPE_CHECKING:
    from agentsight_otel.compat.reader import AgentSightAPI, agentsight_api

__all__ = [
    "AgentSightAPI",
    "Conversation",
    "ConversationManager",
    "ConversationSpanProcessor",
    "ConversationTracker",
    "SettingError",
    "Settings",
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
    "upload_attachments",
    "user_message",
    "wrap",
]


_LAZY = {
    "AgentSight": ("agentsight_otel.compat.rest.client", "AgentSight"),
    "AgentSightAPI": ("agentsight_otel.compat.reader", "AgentSightAPI"),
    "agentsight_api": ("agentsight_otel.compat.reader", "agentsight_api"),
    "clickhouse_client": ("agentsight_otel.clickhouse.client", None),
    "schema": ("agentsight_otel.clickhouse.schema", None),
}
"""Names of the ClickHouse half, with their modules: these are imported only when a name is first used."""


_FORMER_EXCEPTIONS = frozenset(
    """APIError AgentSightError AuthenticationError ConfigurationError InvalidApiKeyError MethodNotAllowedError
    MissingApiKeyError NetworkError NotFoundError PermissionDeniedError RateLimitError ServerError
    SubscriptionInactiveError UploadError ValidationError""".split()  # noqa: SIM905
)
"""Exceptions that the AgentSight 0.1 SDK exports from its top-level package."""


__version__ = VERSION


def __getattr__(name: str) -> Any:
    if name in _FORMER_EXCEPTIONS:
        return getattr(importlib.import_module("agentsight_otel.compat.exceptions"), name)
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module_name, attribute = _LAZY[name]
    module = importlib.import_module(module_name)
    return module if attribute is None else getattr(module, attribute)
