"""Overview: the 15 metrics."""

from collections.abc import Sequence

from agentsight_otel.catalogue import BY_VIEW, WEEKDAYS, Metric
from grafana import links
from grafana.board import Dashboard, Section, choice, filters, timezone
from grafana.countries import ALPHA_3
from grafana.panels import (
    Json,
    Panel,
    Threshold,
    bars,
    fields,
    heat_map,
    metric_tile,
    override,
    ranking,
    shares,
    table,
    tile,
    unit,
    world_map,
)
from grafana.sql import call, text_of

_PLAIN: Sequence[Threshold] = ((None, "blue"),)
_SLOW: Sequence[Threshold] = ((None, "green"), (10, "yellow"), (30, "red"))
_ESCALATED: Sequence[Threshold] = ((None, "green"), (0.2, "yellow"), (0.4, "red"))
_SATISFIED: Sequence[Threshold] = ((None, "red"), (0.6, "yellow"), (0.8, "green"))
_NONE = "no conversations in this time range"
FEEDBACK_COLOURS = {"positive": "green", "neutral": "#8e8e8e", "negative": "red"}


def this_and_before(view: str, expression: str) -> str:
    """A query with two rows: a figure of the period before, and of this one."""
    return (
        f"SELECT period, figure FROM (\n"
        f"  SELECT 1 AS n, 'before' AS period, {expression} AS figure FROM {call(view, before=True)}\n"
        f"  UNION ALL\n"
        f"  SELECT 2 AS n, 'now' AS period, {expression} AS figure FROM {call(view)}\n"
        f") ORDER BY n"
    )


def _tile(
    view: str, column: str | None = None, thresholds: Sequence[Threshold] = _PLAIN, click: Json | None = None
) -> Panel:
    metric = BY_VIEW[view]
    shown = metric.column(column or metric.headline)
    title = shown.label.capitalize() if shown.name.endswith("rate") else metric.title
    leads_to = [click or links.conversations()]
    return metric_tile(metric, shown, title, this_and_before(view, shown.name), thresholds, leads_to)


def _detail(metric: Metric, columns: Sequence[str]) -> Panel:
    """Several figures of a metric side by side, named by their labels."""
    chosen = [metric.column(name) for name in columns]
    named = ", ".join(f"{column.name} AS `{column.label}`" for column in chosen)
    return tile(
        f"{metric.title} in detail",
        metric.definition,
        f"SELECT {named} FROM {call(metric.view)}",
        fields(unit(chosen[0].unit), "–"),
        compares=False,
        width=12,
    )


def _daily() -> Panel:
    metric = BY_VIEW["metric_daily_overview"]
    return bars(
        "Messages and conversations by day",
        metric.definition,
        # As text: a date would be moved into the browser's time zone.
        f"SELECT toString(day) AS day, messages, conversations FROM {call(metric.view)} ORDER BY day",
        fields("locale", _NONE),
        x_field="day",
        width=24,
        height=8,
        overrides=[override("conversations", custom_axisPlacement="right")],
    )


def _peak_hours() -> Panel:
    metric = BY_VIEW["metric_peak_hours"]
    days = ", ".join(f"sumIf(counted, day_of_week = {n}) AS {day}" for n, day in enumerate(WEEKDAYS, 1))
    return heat_map(
        "Peak hours",
        metric.definition + " Choose which of the two at the top.",
        f"SELECT hour, {days} FROM (\n"
        f"  SELECT hour, day_of_week,\n"
        f"    if({text_of('peak_hours_of')} = 'conversations', conversations, messages) AS counted\n"
        f"  FROM {call(metric.view)}\n"
        ") GROUP BY hour ORDER BY hour",
        _NONE,
        width=12,
        height=10,
    )


def _world_map() -> Panel:
    metric = BY_VIEW["metric_world_map"]
    two = ", ".join(f"'{code}'" for code in ALPHA_3)
    three = ", ".join(f"'{code}'" for code in ALPHA_3.values())
    return world_map(
        metric.title,
        metric.definition,
        f"SELECT transform(country, [{two}], [{three}], '') AS alpha_3, country, sum(counted) AS conversations FROM (\n"
        f"  SELECT country, conversations AS counted FROM {call(metric.view)}\n"
        # Older versions of the map overlook the first row, so that is one that has no place on it anyway.
        "  UNION ALL SELECT 'unknown' AS country, 0 AS counted\n"
        ") GROUP BY country ORDER BY country = 'unknown' DESC, conversations DESC, country",
        fields("locale", _NONE),
        width=12,
        height=10,
    )


def _shares(view: str) -> Panel:
    metric = BY_VIEW[view]
    named = metric.columns[0].name
    click = links.conversations(f"The conversations of this {named}", **{named: links.in_row(named)})
    return shares(
        metric.title,
        metric.definition,
        f"SELECT {named}, conversations FROM {call(view)} ORDER BY conversations DESC, {named}",
        {**fields("locale", _NONE, links=[click]), "color": {"mode": "palette-classic"}},
        width=8,
        height=8,
        values=True,
    )


def _languages() -> Panel:
    metric = BY_VIEW["metric_language"]
    return ranking(
        metric.title,
        metric.definition,
        f"SELECT language, conversations FROM {call(metric.view)} ORDER BY conversations DESC, language",
        fields("locale", _NONE),
        width=8,
        height=8,
    )


def tool_table(width: int, height: int) -> Panel:
    """Tools with their calls, errors and durations."""
    metric = BY_VIEW["metric_tool_usage"]
    rate = [{"value": None, "color": "green"}, {"value": 0.05, "color": "yellow"}, {"value": 0.2, "color": "red"}]
    return table(
        "Tool usage",
        metric.definition,
        "SELECT tool, calls, errors, if(calls = 0, NULL, errors / calls) AS error_rate, average_s, p95_s\n"
        f"FROM {call(metric.view)} ORDER BY calls DESC, tool",
        "no tool calls in this time range",
        width=width,
        height=height,
        overrides=[
            override("tool", displayName="Tool", links=[links.tools()]),
            override(
                "calls",
                displayName="Calls",
                unit="locale",
                custom_cellOptions={"type": "gauge", "mode": "basic", "valueDisplayMode": "text"},
            ),
            override("errors", displayName="Errors", unit="locale"),
            override(
                "error_rate",
                displayName="Error rate",
                unit="percentunit",
                decimals=1,
                thresholds={"mode": "absolute", "steps": rate},
                custom_cellOptions={"type": "color-text"},
            ),
            override("average_s", displayName="Average", unit="s"),
            override("p95_s", displayName="95th percentile", unit="s"),
        ],
        sort=("Calls", True),
    )


def _feedback() -> Panel:
    metric = BY_VIEW["metric_conversation_feedback"]
    return shares(
        "Feedback",
        "What customers said of their conversations in the window; of several in one conversation the latest counts.",
        f"SELECT positive, neutral, negative FROM {call(metric.view)}",
        {**fields("locale", "no feedback in this time range"), "color": {"mode": "palette-classic"}},
        width=8,
        height=9,
        values=False,
    ).with_overrides(
        override(sentiment, color={"mode": "fixed", "fixedColor": colour})
        for sentiment, colour in FEEDBACK_COLOURS.items()
    )


def dashboard() -> Dashboard:
    """The dashboard."""
    return Dashboard(
        uid=links.OVERVIEW,
        title="Overview",
        description="The 15 metrics of conversations with agents, each with its change against the period before.",
        variables=[
            timezone(),
            *filters(),
            choice("peak_hours_of", "Peak hours of", {"Messages": "messages", "Conversations": "conversations"}),
        ],
        sections=[
            Section(
                "",
                [
                    _tile("metric_total_conversations"),
                    _tile("metric_total_messages"),
                    _tile("metric_individual_users"),
                    _tile("metric_unique_interaction"),
                    _tile("metric_agent_response_time", thresholds=_SLOW),
                    _tile("metric_conversation_duration"),
                    _tile(
                        "metric_human_escalation",
                        thresholds=_ESCALATED,
                        click=links.conversations("The escalated conversations", show="escalated"),
                    ),
                    _tile(
                        "metric_conversation_feedback",
                        thresholds=_SATISFIED,
                        click=links.conversations("The conversations with negative feedback", show="negative"),
                    ),
                ],
            ),
            Section("When", [_daily(), _peak_hours(), _world_map()]),
            Section("Who", [_shares("metric_device_usage"), _shares("metric_source"), _languages()]),
            Section("How", [tool_table(16, 9), _feedback()]),
            Section(
                "How long",
                [
                    _detail(BY_VIEW["metric_agent_response_time"], ("average_s", "p50_s", "p95_s")),
                    _detail(BY_VIEW["metric_conversation_duration"], ("average_s", "p50_s", "p95_s")),
                    _counts(),
                ],
            ),
        ],
    )


def _counts() -> Panel:
    """The counts behind the rates."""
    parts = (
        ("metric_total_messages", ("user_messages", "agent_messages")),
        ("metric_agent_response_time", ("responses", "unanswered")),
        ("metric_human_escalation", ("escalated",)),
        ("metric_unique_interaction", ("visits", "engaged")),
        ("metric_individual_users", ("identified_conversations",)),
    )

    def labelled(view: str, names: Sequence[str]) -> str:
        columns = [BY_VIEW[view].column(name) for name in names]
        return ", ".join(f"{column.name} AS `{_count_label(view, column.label)}`" for column in columns)

    # Each has one row.
    sides = [f"(SELECT {labelled(view, names)} FROM {call(view)}) AS {view}" for view, names in parts]
    return tile(
        "Counts",
        "The counts behind the averages and rates above, each as the metric of its name defines it.",
        "SELECT * FROM " + "\nCROSS JOIN ".join(sides),
        fields("locale", "–"),
        compares=False,
        width=24,
    )


def _count_label(view: str, label: str) -> str:
    return f"messages {label}" if view == "metric_total_messages" else label
