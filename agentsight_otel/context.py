"""The current conversation, for code that wants to name it: in a log line, or in what it hands over to another process.

identifier = context.current_conversation().id
"""

from agentsight_otel._tracing.context import Conversation, current_conversation

__all__ = ["Conversation", "current_conversation"]
