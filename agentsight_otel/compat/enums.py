"""The enumerations of AgentSight 0.0, for applications written for it; every argument takes the plain text too."""

from enum import Enum
from typing import TypeVar

from agentsight_otel import semconv


class Sender(str, Enum):
    """Who sent a message or a file."""

    USER = semconv.SENDER_END_USER
    AGENT = semconv.SENDER_AGENT
    SYSTEM = "system"


class Sentiment(str, Enum):
    """How a conversation was rated."""

    POSITIVE, NEUTRAL, NEGATIVE = semconv.SENTIMENTS


class AttachmentMode(Enum):
    """How AgentSight 0.0 uploaded a file; here no file is uploaded."""

    BASE64 = "base64"
    FORM_DATA = "form_data"


class Environment(Enum):
    """The deployments that AgentSight 0.0 knew; here any text is one."""

    PRODUCTION = "production"
    DEVELOPMENT = "development"

    @classmethod
    def from_env(cls, value: str | None) -> "Environment | None":
        """The member with a value; None for None or ''.

        Raises:
            ValueError: No member has that value.
        """
        return _of(cls, "environment", value)


class AgentType(Enum):
    """Kinds of agents that AgentSight 0.0 knew; nothing depends on them."""

    CHATBOT = "chatbot"
    AGENT = "agent"
    VOICE = "voice"
    CUSTOM = "custom"


class TokenHandlerType(Enum):
    """Libraries whose tokens AgentSight 0.0 could count; here instrumentations do, see ``init(auto_instrument=…)``."""

    LLAMAINDEX = "llamaindex"
    LANGCHAIN = "langchain"

    @classmethod
    def from_env(cls, value: str | None) -> "TokenHandlerType | None":
        """The member with a value; None for None or ''.

        Raises:
            ValueError: No member has that value.
        """
        return _of(cls, "token handler", value)


class LogLevel(str, Enum):
    """Levels of the logger ``agentsight_otel``."""

    CRITICAL = "CRITICAL"
    ERROR = "ERROR"
    WARNING = "WARNING"
    INFO = "INFO"
    DEBUG = "DEBUG"

    @classmethod
    def from_string(cls, level: str) -> "LogLevel":
        """The level of a name, in upper or lower case; INFO where there is none of that name."""
        name = str(level.value if isinstance(level, cls) else level or "").upper()
        return cls(name) if name in cls.__members__ else cls.INFO


E = TypeVar("E", bound=Enum)


def _of(kind: type[E], called: str, value: str | None) -> E | None:
    if not value:
        return None
    try:
        return kind(value)
    except ValueError:
        expected = ", ".join(str(member.value) for member in kind)
        raise ValueError(f"{called}: {value!r}: expected one of {expected}") from None
