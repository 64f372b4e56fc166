"""Tools: which the agent calls, how often they fail, how long they take."""

from agentsight_otel.catalogue import BY_VIEW, Direction
from grafana import links
from grafana.board import Dashboard, Section, filters, timezone
from grafana.overview import this_and_before, tool_table
from grafana.panels import Panel, fields, lines, override, ranking, table, tile
from grafana.sql import call

_METRIC = BY_VIEW["metric_tool_usage"]
_NONE = "no tool calls in this time range"


def _over_time(title: str, figure: str, description: str, unit: str) -> Panel:
    steps = call("tool_usage_over_time", step_s="$__interval_s")
    return lines(
        title,
        f"{description} {_METRIC.definition}",
        f"SELECT time, tool, {figure} FROM {steps} ORDER BY time, tool",
        fields(unit, _NONE),
        width=12,
        height=8,
        stacked=unit == "locale",
    )


def _totals() -> list[Panel]:
    view = _METRIC.view
    definition = _METRIC.definition
    return [
        tile("Calls", definition, this_and_before(view, "sum(calls)"), fields("locale", "–")),
        tile(
            "Errors",
            definition,
            this_and_before(view, "sum(errors)"),
            fields("locale", "–", ((None, "green"), (1, "yellow"))),
            direction=Direction.UP_IS_BAD,
        ),
        tile(
            "Error rate",
            f"The share of all tool calls that failed. {definition}",
            this_and_before(view, "if(sum(calls) = 0, NULL, sum(errors) / sum(calls))"),
            fields("percentunit", "–", ((None, "green"), (0.05, "yellow"), (0.2, "red")), decimals=1),
            direction=Direction.UP_IS_BAD,
        ),
        tile("Tools used", f"Different tools. {definition}", this_and_before(view, "count()"), fields("locale", "–")),
    ]


def _slowest() -> Panel:
    return ranking(
        "Slowest tools",
        f"By the 95th percentile of their durations. {_METRIC.definition}",
        f"SELECT tool, p95_s FROM {call(_METRIC.view)} ORDER BY p95_s DESC, tool LIMIT 25",
        fields("s", _NONE, ((None, "green"), (5, "yellow"), (20, "red"))),
        width=8,
        height=10,
    )


def _failures() -> Panel:
    return table(
        "Latest failed calls",
        "The latest 200 tool calls of the window that ended with status Error, with what they were called with.",
        "SELECT timestamp, tool, error_type, duration_s, arguments, result, conversation_id\n"
        f"FROM {call('failed_tool_calls')}",
        "no failed tool calls in this time range",
        width=24,
        height=9,
        overrides=[
            override("timestamp", displayName="Time", custom_width=180),
            override("tool", displayName="Tool"),
            override("error_type", displayName="Error"),
            override("duration_s", displayName="Took", unit="s", custom_width=100),
            override("arguments", displayName="Arguments", custom_inspect=True),
            override("result", displayName="Result", custom_inspect=True),
            override("conversation_id", displayName="Conversation", links=[links.conversation()]),
        ],
        sort=("Time", True),
    )


def dashboard() -> Dashboard:
    """The dashboard."""
    return Dashboard(
        uid=links.TOOLS,
        title="Tools",
        description="The tools that agents call: how often, how long, and how often they fail.",
        variables=[timezone(), *filters()],
        sections=[
            Section("", _totals()),
            Section(
                "Over time",
                [
                    _over_time("Calls over time", "calls", "Calls by tool.", "locale"),
                    _over_time("Errors over time", "errors", "Failed calls by tool.", "locale"),
                    _over_time(
                        "Error rate over time",
                        "errors / calls AS error_rate",
                        "Failed calls as a share.",
                        "percentunit",
                    ),
                    _over_time("95th percentile over time", "p95_s", "How long calls took.", "s"),
                ],
            ),
            Section("By tool", [tool_table(16, 10), _slowest()]),
            Section("Failures", [_failures()]),
        ],
    )
