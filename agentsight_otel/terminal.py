"""Shows the 15 metrics in a terminal: tables, bars and the 7 x 24 heat map."""

from collections.abc import Callable
from typing import Any

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from agentsight_otel.catalogue import BY_VIEW, CATALOGUE, WEEKDAYS, Column, Metric, Unit
from agentsight_otel.metrics import Report, Rows

_SHADES = ("grey23", "dark_green", "green4", "green3", "spring_green2", "yellow1")
_BAR_WIDTH = 20
_MOST_ROWS = 10


def show(report: Report, console: Console) -> None:
    """Prints a report."""
    window = report.window
    filters = ", ".join(f"{name} = {' or '.join(values)}" for name, values in window.filters.items() if values)
    console.rule(
        f"[bold]{_moment(window.start)} to {_moment(window.end)} UTC[/], days and hours in {window.timezone}"
        + (f", {filters}" if filters else "")
    )
    console.print(_figures(report))
    console.print(
        Columns(
            [
                _shares(view, report)
                for view in ("metric_device_usage", "metric_source", "metric_language", "metric_world_map")
            ],
            padding=(0, 1),
        )
    )
    console.print(_tools(report))
    console.print(_daily(report.metrics["metric_daily_overview"]))
    console.print(_heat_map(report.metrics["metric_peak_hours"]))


def _moment(moment: Any) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _figures(report: Report) -> RenderableType:
    table = Table(box=None, padding=(0, 2), header_style="bold")
    for heading, justify in (("Metric", "left"), ("", "right"), ("before", "right"), ("change", "right")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]

    for metric in CATALOGUE:
        if metric.is_scalar:
            headline = metric.column(metric.headline)
            for column in (headline, *(other for other in metric.columns if other != headline)):
                now, before = (rows[metric.view][0][column.name] for rows in (report.metrics, report.previous))
                form = _FORMS[column.unit]
                table.add_row(
                    _label(metric, column),
                    Text(form(now), style="bold"),
                    form(before),
                    _change(now, before, column.direction.value),
                )
    return Panel(table, title="Key figures", title_align="left", expand=False)


def _label(metric: Metric, column: Column) -> str:
    """The metric's title on its headline, and below it what its other columns are."""
    if column.name != metric.headline:
        return f"  {column.label}"
    return f"{metric.title}, {column.label}" if column.unit is Unit.SECONDS else metric.title


def _shares(view: str, report: Report) -> RenderableType:
    metric = BY_VIEW[view]
    column = metric.columns[0].name
    rows = report.metrics[view]
    before = {row[column]: row["conversations"] for row in report.previous[view]}
    most = max((row["conversations"] for row in rows), default=0)
    table = Table(box=None, show_header=False, padding=(0, 1))
    for row in rows[:_MOST_ROWS]:
        count = row["conversations"]
        table.add_row(
            Text(str(row[column])), _bar(count, most), _count(count), _change(count, before.get(row[column], 0), 0)
        )
    return _panel(metric.title, table, rows)


def _tools(report: Report) -> RenderableType:
    rows = report.metrics["metric_tool_usage"]
    before = {row["tool"]: row["calls"] for row in report.previous["metric_tool_usage"]}
    most = max((row["calls"] for row in rows), default=0)
    table = Table(box=None, padding=(0, 1), header_style="bold")
    for heading in ("tool", "", "calls", "change", "errors", "average", "p95"):
        table.add_column(heading, justify="left" if heading in ("tool", "") else "right")
    for row in rows[:_MOST_ROWS]:
        table.add_row(
            Text(row["tool"]),
            _bar(row["calls"], most),
            _count(row["calls"]),
            _change(row["calls"], before.get(row["tool"], 0), 0),
            Text(_count(row["errors"]), style="red" if row["errors"] else "dim"),
            _seconds(row["average_s"]),
            _seconds(row["p95_s"]),
        )
    return _panel(BY_VIEW["metric_tool_usage"].title, table, rows)


def _daily(rows: Rows) -> RenderableType:
    most = max((row["messages"] for row in rows), default=0)
    table = Table(box=None, padding=(0, 1), header_style="bold")
    for heading in ("day", "messages", "", "conversations"):
        table.add_column(heading, justify="left" if heading in ("day", "") else "right")
    for row in rows[-31:]:
        table.add_row(
            f"{row['day']:%a %d %b}",
            _count(row["messages"]),
            _bar(row["messages"], most),
            _count(row["conversations"]),
        )
    title = "Days" if len(rows) <= 31 else f"Days (the last 31 of {len(rows)})"
    return _panel(title, table, rows)


def _heat_map(rows: Rows) -> RenderableType:
    counts = {(row["day_of_week"], row["hour"]): row["messages"] for row in rows}
    most = max(counts.values(), default=0)
    lines = [Text("     " + "".join(f"{hour:<3d}" for hour in range(24)), style="dim")]
    for day, name in enumerate(WEEKDAYS, 1):
        line = Text(f"{name}  ")
        for hour in range(24):
            count = counts.get((day, hour), 0)
            shade = 0 if not count else 1 + min(int(count / most * (len(_SHADES) - 1)), len(_SHADES) - 2)
            # Figures as well as colours: some terminals have none of the latter.
            line.append("·· " if not count else "▁▃▅▇█"[shade - 1] * 2 + " ", style=_SHADES[shade])
        lines.append(line)
    peak = max(counts, key=lambda place: counts[place]) if most else None
    said = "no messages" if peak is None else f"most at {WEEKDAYS[peak[0] - 1]} {peak[1]:02d}:00: {most} messages"
    return Panel(
        Group(*lines, Text(said, style="dim")),
        title=BY_VIEW["metric_peak_hours"].title,
        title_align="left",
        expand=False,
    )


def _panel(title: str, table: Table, rows: Rows) -> RenderableType:
    content: RenderableType = table if rows else Text("none", style="dim")
    if len(rows) > _MOST_ROWS and not title.startswith("Days"):
        content = Group(table, Text(f"and {len(rows) - _MOST_ROWS} more", style="dim"))
    return Panel(content, title=title, title_align="left", expand=False)


def _bar(value: float, most: float) -> Text:
    eighths = round(value / most * _BAR_WIDTH * 8) if most else 0
    return Text("█" * (eighths // 8) + ("", *"▏▎▍▌▋▊▉")[eighths % 8], style="cyan")


def _change(now: float | None, before: float | None, good: int) -> Text:
    """The change in percent; green or red where more is good (1) or bad (-1)."""
    if now is None or before is None:
        return Text("–", style="dim")
    if now == before:
        return Text("±0 %", style="dim")
    if not before:
        return Text("new", style="dim")
    percent = (now - before) / before * 100
    style = "dim" if not good else "green" if (percent > 0) == (good > 0) else "red"
    return Text(f"{percent:+.0f} %" if abs(percent) >= 0.5 else f"{percent:+.1f} %", style=style)


def _count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:.1f} %"


def _seconds(value: float | None) -> str:
    if value is None:
        return "–"
    if value < 60:
        return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


_FORMS: dict[Unit, Callable[[Any], str]] = {Unit.COUNT: _count, Unit.SECONDS: _seconds, Unit.RATIO: _percent}
