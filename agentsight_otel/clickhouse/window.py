"""The window of time and the filters for which metrics are queried, and how they are passed to SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

from agentsight_otel.clickhouse.catalogue import FILTER_LABELS

FILTERS = tuple(FILTER_LABELS)
"""The fields that conversations can be filtered by, in the views' order."""


@dataclass(frozen=True)
class Window:
    """A window of time and filters.

    Attributes:
        start: The first instant, with a time zone; in whole milliseconds.
        end: The instant after the last one.
        timezone: The IANA name of the time zone that defines days and hours.
        filters: Wanted values by field; none = all.
    """

    start: datetime
    end: datetime
    timezone: str = "UTC"
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a window's start and end need a time zone")
        if self.end <= self.start:
            raise ValueError(f"from {self.start.isoformat()} to {self.end.isoformat()}: expected from before to")
        check_timezone(self.timezone)
        for name in self.filters:
            if name not in FILTERS:
                raise ValueError(f"filter {name!r}: expected one of {', '.join(FILTERS)}")

    def before(self) -> "Window":
        """The window of the same length that ends where this one starts."""
        return Window(self.start - (self.end - self.start), self.start, self.timezone, self.filters)


def check_timezone(name: str) -> None:
    """Makes sure that a time zone exists.

    Raises:
        ValueError: There is no time zone of that name.
    """
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"timezone {name!r}: expected an IANA name such as UTC or Europe/Athens") from None


def view_call(
    view: str, arguments: Sequence[str] = ("from", "to", "timezone"), more: Mapping[str, str] | None = None
) -> str:
    """The SQL that calls a parameterised view, for a query with ``query_parameters``.

    Args:
        view: The view's name.
        arguments: The arguments of the window that it takes besides the filters.
        more: Its other arguments by name, with their ClickHouse types; query parameters of these names.
    """
    pairs = [f"{name}={{window_{name}:String}}" for name in arguments]
    pairs += [f"{name}={{{name}:{kind}}}" for name, kind in (more or {}).items()]
    pairs += [f"{name}={{filter_{name}:Array(String)}}" for name in FILTERS]
    return f"{view}({', '.join(pairs)})"


def query_parameters(window: Window) -> dict[str, Any]:
    """The query parameters of ``view_call``: window_from, window_to, window_timezone, and filter_… for each filter."""
    return {
        "window_from": _text(window.start),
        "window_to": _text(window.end),
        "window_timezone": window.timezone,
        **{f"filter_{name}": list(window.filters.get(name, ())) for name in FILTERS},
    }


def _text(instant: datetime) -> str:
    """A time as text for the views; as integers, ClickHouse would read times before 2001-09-09 as seconds."""
    return iso(instant).replace("T", " ").removesuffix("Z")


def iso(instant: datetime) -> str:
    """A time in ISO 8601 in UTC, to the millisecond."""
    return instant.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
