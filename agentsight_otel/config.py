"""The settings of AgentSight 0.0's clients; those of this package are ``agentsight_otel.Settings``."""

from agentsight_otel.compat.enums import Environment, LogLevel, TokenHandlerType
from agentsight_otel.compat.exceptions import InvalidApiKeyException
from agentsight_otel.compat.former_config import API_KEY_PATTERN, Config, ConfigDict
from agentsight_otel.compat.former_helpers import AgentSightJSONEncoder

__all__ = [
    "API_KEY_PATTERN",
    "AgentSightJSONEncoder",
    "Config",
    "ConfigDict",
    "Environment",
    "InvalidApiKeyException",
    "LogLevel",
    "TokenHandlerType",
]
