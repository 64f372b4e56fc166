"""Zero-code start under ``opentelemetry-instrument``, by environment variables alone.

``OTEL_PYTHON_CONFIGURATOR=agentsight`` makes our tracer provider the application's; ``AGENTSIGHT_AUTO_START=true``
starts us beside whatever else configures OpenTelemetry. Without either nothing of ours starts, and others are left
alone.
"""

import os
from importlib.metadata import entry_points
from typing import Any

from agentsight_otel import setup
from agentsight_otel.config import Settings

NAME = "agentsight"
"""Of our configurator."""


class Configurator:
    """What ``opentelemetry-instrument`` configures OpenTelemetry with.

    It loads the first configurator that it finds, whoever was asked for: where that is ours and nobody named us, we
    give way to the next.
    """

    def configure(self, **kwargs: Any) -> None:
        """Starts us if ``OTEL_PYTHON_CONFIGURATOR`` names us.

        Raises:
            SettingError: A setting is wrong.
        """
        if os.environ.get("OTEL_PYTHON_CONFIGURATOR", "").strip() == NAME:
            setup.init()
            return
        for entry_point in entry_points(group="opentelemetry_configurator"):
            if entry_point.name != NAME:
                entry_point.load()().configure(**kwargs)
                return


def start_beside() -> None:
    """Starts us before the instrumentations are loaded, if ``AGENTSIGHT_AUTO_START`` says so and nothing did yet.

    Raises:
        SettingError: A setting is wrong.
    """
    if Settings.load().auto_start and not setup.is_enabled():
        setup.init()
