"""AgentSight 0.0's ``Config``: stores its settings; only the few that the tracker takes from it have an effect."""

import json
import re
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any, TypedDict

from agentsight_otel._core.config import variable
from agentsight_otel.compat.enums import Environment, LogLevel, TokenHandlerType
from agentsight_otel.compat.exceptions import InvalidApiKeyException

API_KEY_PATTERN = re.compile(r"^ags_[a-f0-9]{32}_[a-f0-9]{6}$", re.IGNORECASE)
"""The pattern of AgentSight's API keys, which nothing here needs."""


class ConfigDict(TypedDict):
    """The dictionary that ``Config.dict`` returns."""

    api_key: str | None
    endpoint: str
    app_url: str
    conversation_id: str | None
    token_handler: TokenHandlerType | None
    log_level: str | LogLevel


def _environment(name: str, default: str | None = None) -> Any:
    return lambda: variable(name, default)


@dataclass
class Config:
    """The settings of AgentSight 0.0's clients, from its environment variables.

    Only ``conversation_id``, ``environment`` and ``log_level`` have an effect, when the tracker gets the ``Config``.

    Raises:
        InvalidApiKeyException: The API key is not one of AgentSight's.
        ValueError: The token handler or another setting has an unknown name.
    """

    api_key: str | None = field(default_factory=_environment("AGENTSIGHT_API_KEY"))
    endpoint: str = field(default_factory=_environment("AGENTSIGHT_API_ENDPOINT", "https://api.agentsight.io"))
    app_url: str = field(default_factory=_environment("AGENTSIGHT_APP_URL", "https://app.agentsight.io"))
    environment: Environment | str | None = field(default_factory=_environment("AGENTSIGHT_ENVIRONMENT"))
    conversation_id: str | None = field(default_factory=_environment("AGENTSIGHT_CONVERSATION_ID"))
    token_handler: TokenHandlerType | str | None = field(default_factory=_environment("AGENTSIGHT_TOKEN_HANDLER_TYPE"))
    log_level: LogLevel | str = field(default_factory=_environment("AGENTSIGHT_LOG_LEVEL", "INFO"))

    def __post_init__(self) -> None:
        self.api_key = (self.api_key or "").strip() or None
        if self.api_key and not API_KEY_PATTERN.match(self.api_key):
            raise InvalidApiKeyException(self.api_key, self.app_url)
        self.log_level = LogLevel.from_string(self.log_level)
        if isinstance(self.token_handler, str):
            self.token_handler = TokenHandlerType.from_env(self.token_handler)

    def configure(
        self,
        api_key: str | None = None,
        endpoint: str | None = None,
        app_url: str | None = None,
        environment: Environment | str | None = None,
        conversation_id: str | None = None,
        token_handler: TokenHandlerType | str | None = None,
        log_level: str | LogLevel | None = None,
    ) -> None:
        """Changes the settings that are not None; the others stay."""
        changes = {
            "api_key": api_key,
            "endpoint": endpoint,
            "app_url": app_url,
            "environment": environment,
            "conversation_id": conversation_id,
            "token_handler": token_handler,
            "log_level": log_level,
        }
        for name, value in changes.items():
            if value is not None:
                setattr(self, name, value)
        self.__post_init__()

    def dict(self) -> ConfigDict:
        """All settings by name."""
        return asdict(self)  # type: ignore[return-value]

    def json(self) -> str:
        """All settings as a JSON object."""
        return json.dumps(self.dict(), default=lambda value: value.value if isinstance(value, Enum) else str(value))


_of_process: Config | None = None


def of_process() -> Config:
    """The one ``Config`` that tracker, manager and reader show as theirs; made when it is first asked for."""
    global _of_process
    if _of_process is None:
        _of_process = Config()
    return _of_process
