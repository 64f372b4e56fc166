"""Finds the SQL, the collector configs and Grafana's files, in an installed wheel and in a checkout alike."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def folder(name: str) -> Path:
    """The folder of files that ship with the package.

    Args:
        name: ``clickhouse_schema``, ``collector_config`` or ``grafana``.

    Returns:
        An existing directory: inside the package for a wheel, beside it for a checkout.

    Raises:
        FileNotFoundError: Neither place has it: the installation is incomplete.
    """
    for place in (_PACKAGE / "bundled" / name, _PACKAGE.parent / name):
        if place.is_dir():
            return place
    raise FileNotFoundError(
        f"agentsight-otel's {name} files are missing: expected {_PACKAGE / 'bundled' / name}; reinstall agentsight-otel"
    )
