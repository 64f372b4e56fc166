"""The client of AgentSight 0.1, over ClickHouse.

from agentsight_otel.api import AgentSight

for conversation in AgentSight().conversations.list(has_feedback=True):
    print(conversation["conversation_id"], conversation["name"])
"""

from typing import Any

from agentsight_otel.compat.rest.client import AgentSight
from agentsight_otel.compat.rest.pages import Page, PageIterator

__all__ = ["AgentSight", "Page", "PageIterator", "client"]  # noqa: F822 - made when it is first used


def __getattr__(name: str) -> Any:
    if name == "client":
        globals()["client"] = made = AgentSight()
        return made
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
