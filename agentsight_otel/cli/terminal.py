"""Shows the 15 metrics in a terminal: tables, bars and the 7 x 24 heat map."""

from typing import Any

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from agentsight_otel.cli import words
from agentsight_otel.clickhouse.catalogue import BY_VIEW, CATALOGUE, WEEKDAYS, Column, Metric, Unit
from agentsight_otel.clickhouse.metrics import Report
from agentsight_otel.clickhouse.typed.table import Rows

_NARROW, _NARROWEST = 100, 70
"""Console widths, in characters, below which tables leave out the least needed columns."""
_SHADES = ("grey23", "dark_green", "green4", "green3", "spring_green2", "yellow1")
_MOST_ROWS = 10
_MOST_DAYS = 31


def show(report: Report, console: Console) -> None:
    """Prints a report."""
    window = report.window
    filters = ", ".join(f"{name} = {' or '.join(values)}" for name, values in window.filters.items() if values)
    width = console.width
    console.print(
        f"[bold]{_moment(window.start)} to {_moment(window.end)} UTC[/], days and hours in {escape(window.timezone)}"
        + (f", {escape(filters)}" if filters else "")
    )
    console.print(_figures(report, width))
    console.print(
        Columns(
            [
                _shares(view, report, width)
                for view in ("metric_device_usage", "metric_source", "metric_language", "metric_world_map")
            ],
            padding=(0, 1),
        )
    )
    console.print(_tools(report, width))
    console.print(_daily(report.metrics["metric_daily_overview"], width))
    console.print(_heat_map(report.metrics["metric_peak_hours"], width))


def _moment(moment: Any) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _bars(width: int) -> int:
    """The length of the longest bar, in characters."""
    return 20 if width >= _NARROW else 10 if width >= _NARROWEST else 6


def _figures(report: Report, width: int) -> RenderableType:
    table = Table(box=None, padding=(0, 2 if width >= _NARROW else 1), header_style="bold")
    table.add_column("Metric")
    for heading in ("", "before", "change"):
        table.add_column(heading, justify="right", no_wrap=True)

    for metric in CATALOGUE:
        if metric.is_scalar:
            headline = metric.column(metric.headline)
            for column in (headline, *(other for other in metric.columns if other != headline)):
                now, before = (rows[metric.view][0][column.name] for rows in (report.metrics, report.previous))
                form = words.FORMS[column.unit]
                table.add_row(
                    _label(metric, column),
                    Text(form(now), style="bold"),
                    form(before),
                    _change(now, before, column.direction.value, column.unit),
                )
    return Panel(table, title="Key figures", title_align="left", expand=False)


def _label(metric: Metric, column: Column) -> str:
    """The label of a figure: the metric's title for its headline, and the column's own label below it."""
    if column.name != metric.headline:
        return f"  {column.label}"
    return f"{metric.title}, {column.label}" if column.unit is Unit.SECONDS else metric.title


def _shares(view: str, report: Report, width: int) -> RenderableType:
    metric = BY_VIEW[view]
    column = metric.columns[0].name
    rows = report.metrics[view]
    before = {row[column]: row["conversations"] for row in report.previous[view]}
    most = max((row["conversations"] for row in rows), default=0)
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column(overflow="fold", max_width=24)
    for _ in range(3):
        table.add_column(no_wrap=True)
    for row in rows[:_MOST_ROWS]:
        count = row["conversations"]
        table.add_row(
            Text(str(row[column])),
            _bar(count, most, _bars(width)),
            words.count(count),
            _change(count, before.get(row[column], 0), 0),
        )
    return _panel(metric.title, table, rows, "value")


def _tools(report: Report, width: int) -> RenderableType:
    rows = report.metrics["metric_tool_usage"]
    before = {row["tool"]: row["calls"] for row in report.previous["metric_tool_usage"]}
    most = max((row["calls"] for row in rows), default=0)
    table = Table(box=None, padding=(0, 1), header_style="bold")
    table.add_column("tool", overflow="fold")
    with_bars, with_changes = width >= _NARROW, width >= _NARROWEST
    if with_bars:
        table.add_column("")
    for heading in ("calls", *(["change"] if with_changes else []), "errors", "average", "p95"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows[:_MOST_ROWS]:
        table.add_row(
            Text(row["tool"]),
            *([_bar(row["calls"], most, _bars(width))] if with_bars else []),
            words.count(row["calls"]),
            *([_change(row["calls"], before.get(row["tool"], 0), 0)] if with_changes else []),
            Text(words.count(row["errors"]), style="red" if row["errors"] else "dim"),
            words.seconds(row["average_s"]),
            words.seconds(row["p95_s"]),
        )
    return _panel(BY_VIEW["metric_tool_usage"].title, table, rows, "tool")


def _daily(rows: Rows, width: int) -> RenderableType:
    most = max((row["messages"] for row in rows), default=0)
    table = Table(box=None, padding=(0, 1), header_style="bold")
    for heading in ("day", "messages", "", "conversations"):
        table.add_column(heading, justify="left" if heading in ("day", "") else "right", no_wrap=True)
    for row in rows[-_MOST_DAYS:]:
        table.add_row(
            f"{row['day']:%a %d %b}",
            words.count(row["messages"]),
            _bar(row["messages"], most, _bars(width)),
            words.count(row["conversations"]),
        )
    title = "Days" if len(rows) <= _MOST_DAYS else f"Days (the last {_MOST_DAYS} of {len(rows)})"
    return _panel(title, table, rows[:_MOST_ROWS], "day")


def _heat_map(rows: Rows, width: int) -> RenderableType:
    # Three characters an hour take 81 columns.
    cell = 3 if width >= 84 else 2
    counts = {(row["day_of_week"], row["hour"]): row["messages"] for row in rows}
    most = max(counts.values(), default=0)
    hours = "".join(f"{hour if cell == 3 or hour % 3 == 0 else '':<{cell}}" for hour in range(24))
    lines = [Text(f"     {hours}".rstrip(), style="dim")]
    for day, name in enumerate(WEEKDAYS, 1):
        line = Text(f"{name}  ")
        for hour in range(24):
            count = counts.get((day, hour), 0)
            shade = 0 if not count else 1 + min(int(count / most * (len(_SHADES) - 1)), len(_SHADES) - 2)
            # Blocks as well as colours, because some terminals have no colours.
            mark = "·" if not count else "▁▃▅▇█"[shade - 1]
            line.append(mark * 2 + " " * (cell - 2), style=_SHADES[shade])
        lines.append(line)
    peak = max(counts, key=lambda place: counts[place]) if most else None
    summary = (
        "no messages"
        if peak is None
        else f"most at {WEEKDAYS[peak[0] - 1]} {peak[1]:02d}:00: {words.counted(most, 'message')}"
    )
    return Panel(
        Group(*lines, Text(summary, style="dim")),
        title=BY_VIEW["metric_peak_hours"].title,
        title_align="left",
        expand=False,
    )


def _panel(title: str, table: Table, rows: Rows, noun: str) -> RenderableType:
    content: RenderableType = table if rows else Text("none", style="dim")
    if len(rows) > _MOST_ROWS:
        content = Group(table, Text(f"and {words.counted(len(rows) - _MOST_ROWS, f'more {noun}')}", style="dim"))
    return Panel(content, title=title, title_align="left", expand=False)


def _bar(value: float, most: float, width: int) -> Text:
    eighths = round(value / most * width * 8) if most else 0
    return Text("█" * (eighths // 8) + ("", *"▏▎▍▌▋▊▉")[eighths % 8], style="cyan")


def _change(now: float | None, before: float | None, good: int, unit: Unit = Unit.COUNT) -> Text:
    """The change as text, green or red by whether more is good (1) or bad (-1)."""
    change = words.change(now, before, unit)
    if now is None or before is None or now == before or not good or change == "new":
        return Text(change, style="dim")
    return Text(change, style="green" if (now > before) == (good > 0) else "red")
