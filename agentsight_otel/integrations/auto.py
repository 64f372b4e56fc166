"""Zero-code start under ``opentelemetry-instrument``, by environment variables alone.

``OTEL_PYTHON_CONFIGURATOR=agentsight`` makes our tracer provider the application's; ``AGENTSIGHT_AUTO_START=true``
starts recording beside another configurator of OpenTelemetry. Without either of them, nothing of this package starts.
"""

from importlib.metadata import entry_points
from typing import Any

from agentsight_otel._core import standard_config
from agentsight_otel._core.config import Settings
from agentsight_otel._lifecycle import setup

NAME = "agentsight"
"""The name of this configurator, for OTEL_PYTHON_CONFIGURATOR."""


class Configurator:
    """The configurator that ``opentelemetry-instrument`` can load.

    It loads the first configurator that is installed, even where another one was named. Where this one is loaded
    without having been named, it runs the next one instead.
    """

    def configure(self, **kwargs: Any) -> None:
        """Starts recording if ``OTEL_PYTHON_CONFIGURATOR`` names this configurator; else runs the next one.

        Raises:
            SettingError: A setting is wrong.
        """
        if standard_config.configurator() == NAME:
            setup.init()
            return
        for entry_point in entry_points(group="opentelemetry_configurator"):
            if entry_point.name != NAME:
                entry_point.load()().configure(**kwargs)
                return


def start_beside() -> None:
    """Starts recording before instrumentations are loaded, if ``AGENTSIGHT_AUTO_START`` is set and it has not started.

    Raises:
        SettingError: A setting is wrong.
    """
    if Settings.load().auto_start and not setup.is_enabled():
        setup.init()
