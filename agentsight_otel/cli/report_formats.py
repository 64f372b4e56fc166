"""The 15 metrics as text for programs and documents: CSV and Markdown."""

import csv
import io
import unicodedata
from datetime import date
from typing import Any

from agentsight_otel.cli import words
from agentsight_otel.clickhouse.catalogue import CATALOGUE, WEEKDAYS, Metric, Unit
from agentsight_otel.clickhouse.export.writing import csv_cells
from agentsight_otel.clickhouse.metrics import Report

CSV_COLUMNS = ("metric", "group", "figure", "value", "before")
"""The columns of the CSV. ``group`` names the row, such as a tool or a day; '' for a metric of one row."""

# What a spreadsheet takes for the beginning of a formula, see OWASP, CSV injection.
_SIGNS = frozenset("=+-@\t\r\n\0\v＝＋－＠")


def as_csv(report: Report) -> str:
    """A row for each figure, with a header; ``before`` is empty where there is nothing to compare.

    A text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for metric in CATALOGUE:
        before = {_group(metric, row): row for row in report.previous.get(metric.view, [])}
        for row in report.metrics[metric.view]:
            group = _group(metric, row)
            for column in metric.columns:
                if column.is_measure:
                    earlier = before.get(group, {}).get(column.name)
                    values = map(_plain, (row[column.name], earlier))
                    writer.writerow(csv_cells([metric.view, _no_formula(group), column.name, *values]))
    return out.getvalue()


def as_markdown(report: Report) -> str:
    """A heading and tables, for an issue or a report."""
    window = report.window
    chosen = "; ".join(f"{name}: {', '.join(values)}" for name, values in window.filters.items() if values)
    lines = [
        f"## {window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC",
        "",
        f"Days and hours in {window.timezone}." + (f" Only {chosen}." if chosen else ""),
        "",
        *_table(
            ("Metric", "Value", "Before", "Change"), [row for metric in CATALOGUE for row in _figures(report, metric)]
        ),
    ]
    for metric in CATALOGUE:
        if not metric.is_scalar:
            rows = report.metrics[metric.view]
            if metric.view == "metric_peak_hours":
                rows = [row for row in rows if row["messages"] or row["conversations"]]
            cells = [[_cell(column.unit, row[column.name]) for column in metric.columns] for row in rows]
            headings = [column.label.capitalize() for column in metric.columns]
            lines += ["", f"### {metric.title}", "", *(_table(headings, cells) if rows else ["None."])]
    return "\n".join(lines) + "\n"


def _figures(report: Report, metric: Metric) -> list[list[str]]:
    if not metric.is_scalar:
        return []
    (now,), (before,) = report.metrics[metric.view], report.previous[metric.view]
    return [
        [
            f"{metric.title}: {column.label}",
            words.FORMS[column.unit](now[column.name]),
            words.FORMS[column.unit](before[column.name]),
            words.change(now[column.name], before[column.name], column.unit),
        ]
        for column in metric.columns
    ]


def _group(metric: Metric, row: dict[str, Any]) -> str:
    return " ".join(str(_plain(row[column.name])) for column in metric.columns if not column.is_measure)


def _no_formula(text: str) -> str:
    for letter in text:
        if letter in _SIGNS:
            return f"'{text}"
        if unicodedata.category(letter)[0] not in "ZC":  # spaces, and what cannot be seen
            break
    return text


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else value


def _cell(unit: Unit, value: Any) -> str:
    if unit in words.FORMS:
        return words.FORMS[unit](value)
    return WEEKDAYS[value - 1] if unit is Unit.WEEKDAY else str(_plain(value))


def _table(headings: Any, rows: list[list[str]]) -> list[str]:
    def line(cells: Any) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return [line(headings), "|" + "---|" * len(headings), *map(line, rows)]
