"""The 15 metric views, asked for one window and its filters."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

from agentsight_otel import clickhouse_client, schema
from agentsight_otel.catalogue import BY_VIEW, FILTER_LABELS

METRICS = tuple(BY_VIEW)
"""The metric views, in the contract's order."""

FILTERS = tuple(FILTER_LABELS)
"""What conversations can be filtered by, in the views' order."""

_CONCURRENT_QUERIES = 4

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Window:
    """What is asked for.

    Attributes:
        start: The first instant, with a time zone; milliseconds count.
        end: The instant after the last.
        timezone: IANA name; decides what a day and an hour are.
        filters: By name, the values wanted; none = all.
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


@dataclass(frozen=True)
class Report:
    """All 15 metrics of a window and of the one before.

    Attributes:
        window: What was asked for.
        metrics: Rows by view; a row is keyed by the view's columns.
        previous: The same for the window before.
    """

    window: Window
    metrics: dict[str, Rows]
    previous: dict[str, Rows]

    def as_json(self) -> dict[str, Any]:
        """Plain values: times and days in ISO 8601."""
        return {
            "from": _iso(self.window.start),
            "to": _iso(self.window.end),
            "timezone": self.window.timezone,
            "filters": {name: list(self.window.filters.get(name, ())) for name in FILTERS},
            "metrics": {view: [_plain(row) for row in rows] for view, rows in self.metrics.items()},
            "previous": {view: [_plain(row) for row in rows] for view, rows in self.previous.items()},
        }


def check_timezone(name: str) -> None:
    """Makes sure that there is such a time zone.

    Raises:
        ValueError: There is none.
    """
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"timezone {name!r}: expected an IANA name such as UTC or Europe/Athens") from None


def fetch(url: str, window: Window) -> Report:
    """All 15 metrics of a window and of the one before it.

    Raises:
        SchemaNotApplied, SchemaNewer: The database does not have this version's views.
        ClickHouseConnectionError: ClickHouse cannot be reached, or refuses the login.
    """
    schema.check(url)
    asked = [(part, view) for part in (window, window.before()) for view in METRICS]
    with (
        clickhouse_client.connect(url) as client,
        ThreadPoolExecutor(_CONCURRENT_QUERIES, "agentsight-metrics") as threads,
    ):
        answers = list(threads.map(lambda question: query(client, question[1], question[0]), asked))
    return Report(
        window, dict(zip(METRICS, answers, strict=False)), dict(zip(METRICS, answers[len(METRICS) :], strict=True))
    )


def query(client: Any, view: str, window: Window) -> Rows:
    """One metric's rows, keyed by the view's columns.

    Args:
        client: A clickhouse-connect client in the database with the views.
        view: One of ``METRICS``.
        window: What is asked for.

    Raises:
        ValueError: There is no such view.
    """
    if view not in METRICS:
        raise ValueError(f"metric view {view!r}: expected one of {', '.join(METRICS)}")
    result = client.query(f"SELECT * FROM {view_call(view)}", parameters=query_parameters(window))
    return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]


def view_call(view: str, arguments: Sequence[str] = ("from", "to", "timezone")) -> str:
    """The SQL that calls a parameterised view, for a query with ``query_parameters``.

    Args:
        view: Its name.
        arguments: Those that it takes beside the filters.
    """
    given = [f"{name}={{window_{name}:String}}" for name in arguments]
    given += [f"{name}={{filter_{name}:Array(String)}}" for name in FILTERS]
    return f"{view}({', '.join(given)})"


def query_parameters(window: Window) -> dict[str, Any]:
    """What ``view_call`` refers to: window_from, window_to, window_timezone, and filter_… for each filter."""
    return {
        "window_from": _text(window.start),
        "window_to": _text(window.end),
        "window_timezone": window.timezone,
        **{f"filter_{name}": list(window.filters.get(name, ())) for name in FILTERS},
    }


def _text(instant: datetime) -> str:
    """As the views read it; as an integer ClickHouse would take times before 2001-09-09 for seconds."""
    return _iso(instant).replace("T", " ").removesuffix("Z")


def _iso(instant: datetime) -> str:
    return instant.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {column: value.isoformat() if isinstance(value, date) else value for column, value in row.items()}
