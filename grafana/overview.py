"""Overview: the 15 metrics."""

from collections.abc import Sequence

from agentsight_otel.clickhouse.catalogue import BY_VIEW, WEEKDAYS, Metric
from grafana import links
from grafana.board import Dashboard, Section, choice, filters
from grafana.countries import ALPHA_3
from grafana.maps import heat_map, world_map
from grafana.panels import (
    Json,
    Panel,
    Threshold,
    bars,
    fields,
    lines,
    metric_tile,
    named_by,
    override,
    ranking,
    shares,
    table,
    tile,
    unit,
)
from grafana.sql import STEP_S, TIMEZONE, call, every_step, text_of, this_and_before, token

_PLAIN: Sequence[Threshold] = ((None, "blue"),)
_SLOW: Sequence[Threshold] = ((None, "green"), (10, "yellow"), (30, "red"))
_ESCALATED: Sequence[Threshold] = ((None, "green"), (0.2, "yellow"), (0.4, "red"))
_SATISFIED: Sequence[Threshold] = ((None, "red"), (0.6, "yellow"), (0.8, "green"))
_NONE = "no conversations in this time range"
FEEDBACK_COLOURS = {"positive": "green", "neutral": "#8e8e8e", "negative": "red"}


_BEHIND = {
    "metric_total_messages": links.conversations("The conversations with these messages", show="messages"),
    "metric_individual_users": links.conversations("The conversations with a known customer", show="identified"),
    "metric_agent_response_time": links.conversations("The conversations with these answers", show="answered"),
    "metric_conversation_duration": links.conversations("The conversations with a duration", show="timed"),
    "metric_human_escalation": links.conversations("The escalated conversations", show="escalated"),
    "metric_conversation_feedback": links.conversations("The conversations with negative feedback", show="negative"),
    "metric_unique_interaction": links.conversations("The visits", show="visits"),
}
"""What a click on a metric's figure opens, where that is not the conversations that started in the time range."""


def _behind(view: str) -> list[Json]:
    return [_BEHIND.get(view, links.conversations())]


def _tile(view: str, column: str | None = None, thresholds: Sequence[Threshold] = _PLAIN) -> Panel:
    metric = BY_VIEW[view]
    shown = metric.column(column or metric.headline)
    title = shown.label.capitalize() if shown.name.endswith("rate") else metric.title
    query = this_and_before(view, shown.name, shown.unit)
    return metric_tile(metric, shown, title, query, thresholds, _behind(view))


def _detail(metric: Metric, columns: Sequence[str]) -> Panel:
    """A panel with several figures of a metric side by side, each with its label."""
    chosen = [metric.column(name) for name in columns]
    named = ", ".join(f"{column.name} AS `{column.label}`" for column in chosen)
    return tile(
        f"{metric.title} in detail",
        metric.definition,
        f"SELECT {named} FROM {call(metric.view)}",
        fields(unit(chosen[0].unit), "–", links=_behind(metric.view)),
        compares=False,
        width=12,
    )


_TRENDS = (
    (
        "Conversations and users",
        "conversations_over_time",
        "conversations, users",
        "locale",
        "Conversations by their start, and their different customers.",
    ),
    (
        "Response time",
        "response_time_over_time",
        "p50_s AS `median`, p95_s AS `95th percentile`",
        "s",
        BY_VIEW["metric_agent_response_time"].definition,
    ),
    (
        "Human escalation",
        "conversations_over_time",
        "escalation_rate AS `escalation rate`",
        "percentunit",
        BY_VIEW["metric_human_escalation"].definition,
    ),
    (
        "Satisfaction",
        "feedback_over_time",
        "positive_rate AS satisfaction",
        "percentunit",
        BY_VIEW["metric_conversation_feedback"].definition,
    ),
)


def _trends() -> list[Panel]:
    """Panels of figures over time, in which deployments are marked."""
    panels = []
    for title, view, figures, grafana_unit, definition in _TRENDS:
        query = f"SELECT time, {figures} FROM {call(view, step_s=STEP_S)}"
        # A step without conversations has 0 of them, but no rate and no time.
        query = every_step(query, "conversations") if grafana_unit == "locale" else f"{query} ORDER BY time"
        bounds: Json = {"max": 1, "min": 0} if grafana_unit == "percentunit" else {"min": 0}
        panels.append(
            lines(
                f"{title} over time",
                definition,
                query,
                {**fields(grafana_unit, _NONE), **bounds},
                width=12,
                height=8,
                interval="1h",
            )
        )
    return panels


def _daily() -> Panel:
    metric = BY_VIEW["metric_daily_overview"]
    starts = f"1000 * toUnixTimestamp(toDateTime(toString(days.day), {TIMEZONE}))"
    ends = f"1000 * toUnixTimestamp(toDateTime(toString(days.day + 1), {TIMEZONE})) - 1"
    return bars(
        "Messages and conversations by day",
        metric.definition,
        # As text: Grafana would move a date into the browser's time zone, and draw numbers as bars.
        "SELECT toString(days.day) AS day, messages, conversations,\n"
        f"    toString({starts}) AS first_ms, toString({ends}) AS last_ms\n"
        f"FROM {call(metric.view)} AS days\nQUALIFY sum(messages + conversations) OVER () > 0\nORDER BY day",
        fields("locale", _NONE, links=[_of_day("The conversations of this day")]),
        x_field="day",
        width=24,
        height=8,
        overrides=[
            override("conversations", custom_axisPlacement="right"),
            override("messages", links=[_of_day("The conversations with messages on this day", show="messages")]),
        ],
    )


def _of_day(title: str, **chosen: str) -> Json:
    return links.conversations_between(title, "first_ms", "last_ms", **chosen)


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
        ") GROUP BY hour QUALIFY sum(" + " + ".join(WEEKDAYS) + ") OVER () > 0 ORDER BY hour",
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
        f"SELECT transform(country, [{two}], [{three}], '') AS alpha_3, country, {token('country')} AS token,\n"
        "    sum(counted) AS conversations FROM (\n"
        f"  SELECT country, conversations AS counted FROM {call(metric.view)}\n"
        # Older versions of the map ignore the first row, so that is one that is not on the map anyway.
        "  UNION ALL SELECT 'unknown' AS country, 0 AS counted\n"
        ") GROUP BY country QUALIFY sum(conversations) OVER () > 0\n"
        "ORDER BY country = 'unknown' DESC, conversations DESC, country",
        fields("locale", _NONE, links=[_of_this("country")]),
        width=12,
        height=10,
    )


def _of_this(dimension: str) -> Json:
    return links.conversations(f"The conversations of this {dimension}", **{dimension: links.in_row("token")})


def _by(view: str) -> str:
    """A query for the conversations by a dimension, with each value also encoded as in its filter's variable."""
    named = BY_VIEW[view].columns[0].name
    query = f"SELECT {named}, {token(named)} AS token, conversations FROM {call(view)}"
    return f"{query} ORDER BY conversations DESC, {named}"


def _shares(view: str) -> Panel:
    metric = BY_VIEW[view]
    named = metric.columns[0].name
    return shares(
        metric.title,
        metric.definition,
        _by(view),
        {**fields("locale", _NONE, links=[_of_this(named)]), "color": {"mode": "palette-classic"}},
        width=8,
        height=8,
        values=True,
    ).with_overrides([named_by("conversations", named)])


def _languages() -> Panel:
    metric = BY_VIEW["metric_language"]
    return ranking(
        metric.title,
        metric.definition,
        _by(metric.view),
        fields("locale", _NONE, links=[_of_this("language")]),
        width=8,
        height=8,
    ).with_overrides([named_by("conversations", "language")])


def tool_table(width: int, height: int) -> Panel:
    """A table of tools with their calls, errors and durations."""
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
            override(
                "tool",
                displayName="Tool",
                links=[
                    links.conversations("The conversations that called it", tool=links.in_row("tool")),
                    links.tools(),
                ],
            ),
            override(
                "calls",
                displayName="Calls",
                unit="locale",
                custom_cellOptions={"type": "gauge", "mode": "basic", "valueDisplayMode": "text"},
            ),
            override(
                "errors",
                displayName="Errors",
                unit="locale",
                links=[
                    links.conversations("Those in which a tool failed", tool=links.in_row("tool"), show="failed_tools")
                ],
            ),
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
        f"SELECT positive, neutral, negative FROM {call(metric.view)} WHERE total > 0",
        {**fields("locale", "no feedback in this time range"), "color": {"mode": "palette-classic"}},
        width=8,
        height=9,
        values=False,
    ).with_overrides(
        override(
            sentiment,
            color={"mode": "fixed", "fixedColor": colour},
            links=[links.conversations(f"The conversations with {sentiment} feedback", show=sentiment)],
        )
        for sentiment, colour in FEEDBACK_COLOURS.items()
    )


def dashboard() -> Dashboard:
    """The dashboard with the 15 metrics."""
    return Dashboard(
        uid=links.OVERVIEW,
        title="Overview",
        description="The 15 metrics of conversations with agents, each with its change against the period before.",
        refresh="30s",
        variables=[
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
                    _tile("metric_human_escalation", thresholds=_ESCALATED),
                    _tile("metric_conversation_feedback", thresholds=_SATISFIED),
                ],
            ),
            Section("Trends", _trends()),
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
    """A panel with the counts behind the rates."""
    # Of each metric its columns, with what is shown of a column's conversations.
    parts = {
        "metric_total_messages": {"user_messages": "messages", "agent_messages": "messages"},
        "metric_agent_response_time": {"responses": "answered", "unanswered": "unanswered"},
        "metric_human_escalation": {"escalated": "escalated"},
        "metric_unique_interaction": {"visits": "visits", "engaged": "engaged"},
        "metric_individual_users": {"identified_conversations": "identified"},
    }

    def label(view: str, name: str) -> str:
        of_column = BY_VIEW[view].column(name).label
        return f"messages {of_column}" if view == "metric_total_messages" else of_column

    def side(view: str) -> str:
        labelled = ", ".join(f"{name} AS `{label(view, name)}`" for name in parts[view])
        return f"(SELECT {labelled} FROM {call(view)}) AS {view}"

    # Each of the views has one row.
    return tile(
        "Counts",
        "The counts behind the averages and rates above, each as the metric of its name defines it.",
        "SELECT * FROM " + "\nCROSS JOIN ".join(side(view) for view in parts),
        fields("locale", "–"),
        compares=False,
        width=24,
    ).with_overrides(
        override(label(view, name), links=[links.conversations(show=show)])
        for view, columns in parts.items()
        for name, show in columns.items()
    )
