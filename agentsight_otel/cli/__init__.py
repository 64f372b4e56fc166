"""The command line: one command, one function."""

from agentsight_otel.cli.root import main

__all__ = ["main"]
