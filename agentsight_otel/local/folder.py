"""The folder in which the embedded ClickHouse keeps its data."""

import os
import sys
from pathlib import Path


def default_data_folder() -> Path:
    """The data folder that is used unless another is named.

    ``AGENTSIGHT_DATA`` if set; else ``$XDG_DATA_HOME/agentsight-otel`` or ``~/.local/share/agentsight-otel``, on
    macOS ``~/Library/Application Support/agentsight-otel``.
    """
    if chosen := os.environ.get("AGENTSIGHT_DATA"):
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "agentsight-otel"
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "agentsight-otel"
