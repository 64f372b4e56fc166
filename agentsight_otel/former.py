"""What ``init()`` of the AgentSight 0.1 SDK took, and what it means here."""

import logging
from typing import Any

from agentsight_otel._guard import say

_WITHOUT_MEANING = ("endpoint", "verify_key")


def settings_from(api_key: object, given: dict[str, Any]) -> dict[str, Any]:
    """Settings from such arguments; those that concern AgentSight's own service are taken out, and logged."""
    settings = {key: value for key, value in given.items() if key not in _WITHOUT_MEANING}
    ignored = [key for key in _WITHOUT_MEANING if key in given]
    if api_key is not None:
        ignored.insert(0, "api_key")
    if ignored:
        say(
            "former settings",
            f"init(): {', '.join(ignored)}: not used: spans go by OTLP or to ClickHouse, not to AgentSight's service",
            level=logging.INFO,
        )
    if (instrument := settings.pop("auto_instrument", None)) is not None:
        settings["instrument"] = bool(instrument)
    if (interval_ms := settings.pop("export_interval_ms", None)) is not None:
        settings["schedule_delay_s"] = interval_ms / 1_000
    if (spans := settings.pop("max_queue_size", None)) is not None:
        settings["max_queue_spans"] = spans
    if (timeout_ms := settings.pop("turn_timeout_ms", None)) is not None:
        settings["turn_timeout_s"] = timeout_ms / 1_000
    return settings
