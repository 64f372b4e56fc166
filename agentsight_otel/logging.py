"""The logger of AgentSight 0.0's clients, which is the package's own logger."""

import logging
from typing import Any

from agentsight_otel._core.guard import logger
from agentsight_otel.compat.enums import LogLevel

__all__ = ["configure_logging", "logger"]


def configure_logging(config: Any = None) -> logging.Logger:
    """Sets the level of the logger ``agentsight_otel``; its handlers are the application's business.

    Args:
        config: A ``Config``. Default: from the environment.
    """
    if config is None:
        from agentsight_otel.compat.former_config import Config

        config = Config()
    level = config.log_level
    logger.setLevel(level if isinstance(level, int) else LogLevel.from_string(level).value)
    return logger
