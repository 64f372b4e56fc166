"""Reads a URL's parameters: the window, its filters, and which conversations a list shows."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from starlette.datastructures import QueryParams

from agentsight_otel._core.clock import parse_iso8601
from agentsight_otel.clickhouse.window import FILTERS, Window, check_timezone

DEFAULT_RANGE = "14d"
PAGE_SIZE = 50
ABOUT = ("started", "messages", "visits", "escalated", "identified", "timed")
"""Which conversations a list shows: those of the window (started), with messages in it, first seen in it (visits); or
those of the window that were handed to a human, have a known customer (identified), or have a duration (timed)."""

_RANGE = re.compile(r"(\d{1,4})([hd])")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_LONGEST = timedelta(days=3660)
EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=timezone.utc), datetime(2200, 1, 1, tzinfo=timezone.utc)
_SENTIMENTS = ("positive", "neutral", "negative")
_ORDERS = ("newest", "oldest", "longest", "messages")
_LONGEST_TEXT = 1000


@dataclass(frozen=True)
class ListRequest:
    """Which conversations a list shows, and in which order.

    Attributes:
        about: One of ``ABOUT``.
        tool: Only those with a call of this tool in the window; '' = any.
        errors: Only those with a failed call (of that tool) in the window.
        sentiment: Only those whose feedback in the window is this; '' = any.
        weekday: 1 to 7, with ``hour``: only those of that hour of the week, in the window's time zone; 0 = any.
        hour: 0 to 23.
        search: Only those with this text in a message, an id, a customer or a name; '' = all.
        order: newest, oldest, longest or messages.
        page: The number of the page, from 0.
    """

    about: str = "started"
    tool: str = ""
    errors: bool = False
    sentiment: str = ""
    weekday: int = 0
    hour: int = 0
    search: str = ""
    order: str = "newest"
    page: int = 0


def window_of(params: QueryParams, now: datetime | None = None) -> Window:
    """The window and its filters.

    ``range`` (24h, 14d) reaches up to now. ``from`` and ``to`` are days, both included, in the time zone, or instants
    in ISO 8601, the last not included.

    Raises:
        ValueError: A parameter is wrong; the message names it.
    """
    zone_name = params.get("timezone", "UTC")
    check_timezone(zone_name)
    zone = ZoneInfo(zone_name)
    filters = {name: tuple(values) for name in FILTERS if (values := params.getlist(name))}
    if "from" in params or "to" in params:
        if "from" not in params or "to" not in params:
            raise ValueError("from and to: expected both or neither")
        start, end = _instant("from", params["from"], zone), _instant("to", params["to"], zone, end=True)
    else:
        match = _RANGE.fullmatch(params.get("range", DEFAULT_RANGE))
        if not match or int(match[1]) == 0:
            raise ValueError(f"range {params['range'][:20]!r}: expected hours or days, such as 24h or {DEFAULT_RANGE}")
        # Up to the end of the current second, so that spans that were just stored are included.
        end = (now or datetime.now(timezone.utc)).replace(microsecond=0) + timedelta(seconds=1)
        start = end - (timedelta(hours=int(match[1])) if match[2] == "h" else timedelta(days=int(match[1])))
    _checked("from", start)
    _checked("to", end)
    if end - start > _LONGEST:
        raise ValueError("from, to: expected at most ten years")
    return Window(start, end, zone_name, filters)


def list_of(params: QueryParams) -> ListRequest:
    """Which conversations the list shows.

    Raises:
        ValueError: A parameter is wrong; the message names it.
    """
    weekday = _number(params, "weekday", 0, 7)
    return ListRequest(
        about=_one_of(params, "about", ABOUT),
        tool=_text(params, "tool"),
        errors=params.get("errors", "") == "1",
        sentiment=_one_of(params, "sentiment", ("", *_SENTIMENTS)),
        weekday=weekday,
        hour=_number(params, "hour", 0, 23),
        search=_text(params, "search").strip(),
        order=_one_of(params, "order", _ORDERS),
        page=_number(params, "page", 0, 1_000_000),
    )


def since_of(params: QueryParams) -> datetime:
    """When the requested part of a transcript begins; 1970 by default.

    Raises:
        ValueError: The parameter is no time.
    """
    value = params.get("since")
    return EARLIEST if value is None else _checked("since", _instant("since", value, ZoneInfo("UTC")))


def _checked(name: str, moment: datetime) -> datetime:
    """Refuses a time that ClickHouse, or the arithmetic with it, cannot represent."""
    if not EARLIEST <= moment <= _LATEST:
        raise ValueError(f"{name}: expected a time from {EARLIEST:%Y} to {_LATEST:%Y}")
    return moment


def _instant(name: str, value: str, zone: ZoneInfo, *, end: bool = False) -> datetime:
    try:
        if _DAY.fullmatch(value):
            day = date.fromisoformat(value) + timedelta(days=1 if end else 0)
            return datetime.combine(day, time(), zone).astimezone(timezone.utc)
        moment = parse_iso8601(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise ValueError(f"{name} {value[:40]!r}: expected a day such as 2026-11-01, or ISO 8601") from None


def _one_of(params: QueryParams, name: str, values: tuple[str, ...]) -> str:
    value = params.get(name, values[0])
    if value not in values:
        raise ValueError(f"{name} {value[:40]!r}: expected one of {', '.join(filter(None, values))}")
    return value


def _number(params: QueryParams, name: str, least: int, most: int) -> int:
    value = params.get(name, str(least))
    if not value.isdecimal() or not value.isascii() or not least <= int(value[:20]) <= most:
        raise ValueError(f"{name} {value[:40]!r}: expected {least} to {most}")
    return int(value)


def _text(params: QueryParams, name: str) -> str:
    value = params.get(name, "")
    if len(value) > _LONGEST_TEXT:
        raise ValueError(f"{name}: expected at most {_LONGEST_TEXT} characters")
    return value
