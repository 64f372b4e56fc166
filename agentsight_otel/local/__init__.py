"""Runs a real ClickHouse from the pip package chdb-core, on this machine and for this user only."""

from agentsight_otel.local.errors import (
    ChdbMissing,
    FolderInUse,
    FolderNotPrivate,
    LocalClickHouseError,
    NoPassword,
    PortTaken,
    StartFailed,
    UnsupportedPlatform,
)
from agentsight_otel.local.folder import default_data_folder
from agentsight_otel.local.server import EmbeddedClickHouse

__all__ = [
    "ChdbMissing",
    "EmbeddedClickHouse",
    "FolderInUse",
    "FolderNotPrivate",
    "LocalClickHouseError",
    "NoPassword",
    "PortTaken",
    "StartFailed",
    "UnsupportedPlatform",
    "default_data_folder",
]
