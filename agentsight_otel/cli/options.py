"""Options and output that several commands share."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from agentsight_otel._core.clock import parse_iso8601
from agentsight_otel.cli.target import F
from agentsight_otel.clickhouse.catalogue import FILTER_LABELS

_DURATION = re.compile(r"(\d+)\s*(m|h|d|w)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Duration(click.ParamType[timedelta]):
    """A length of time: 24h, 7d, 4w."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Parses the option's text as a length of time."""
        if isinstance(value, timedelta):
            return value
        match = _DURATION.fullmatch(str(value).strip())
        if not match or not 0 < int(match[1]) <= 100_000:
            self.fail(f"{value!r}: expected a number and m, h, d or w, for example 7d", param, ctx)
        return timedelta(**{_UNITS[match[2]]: int(match[1])})


class Id(click.ParamType[str]):
    """The id of a conversation or customer; an empty one, of a variable that is not set, would mean all without one."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuses an empty text."""
        if not str(value).strip():
            self.fail(f"{value!r}: expected an id", param, ctx)
        return str(value)


class Instant(click.ParamType[datetime]):
    """A moment: 2026-11-01, 2026-11-01T12:30:00."""

    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Parses the option's text as a moment."""
        try:
            return parse_iso8601(str(value))
        except ValueError:
            self.fail(f"{value!r}: expected ISO 8601, for example 2026-11-01 or 2026-11-01T12:30:00", param, ctx)


def filter_options(command: F) -> F:
    """Gives a command an option for each of the metrics' filters."""
    for name in reversed(tuple(FILTER_LABELS)):
        command = click.option(f"--{name}", multiple=True, help=f"Only this {name}; may be repeated.")(command)
    return command


@contextmanager
def progress_bar(doing: str) -> Iterator[Callable[[int, int], object]]:
    """Shows a progress bar; yields the function to call with the number done and the total."""
    with Progress(console=Console(stderr=True), transient=True) as bar:
        job = bar.add_task(doing, total=None)
        yield lambda done, total: bar.update(job, completed=done, total=total)
