"""The enumerations of AgentSight 0.0, for applications written for it; every argument takes the plain text too."""

from enum import Enum

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


class LogLevel(str, Enum):
    """Levels of the logger ``agentsight_otel``."""

    CRITICAL = "CRITICAL"
    ERROR = "ERROR"
    WARNING = "WARNING"
    INFO = "INFO"
    DEBUG = "DEBUG"
