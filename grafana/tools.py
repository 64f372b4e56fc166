"""Tools: which the agent calls, how often they fail, how long they take."""

from agentsight_otel.clickhouse.catalogue import BY_VIEW, Direction, Unit
from grafana import links
from grafana.board import Dashboard, Section, filters
from grafana.overview import tool_table
from grafana.panels import Panel, fields, lines, override, ranking, table, tile
from grafana.sql import STEP_S, call, every_step, this_and_before

_METRIC = BY_VIEW["metric_tool_usage"]
_CONVERSATIONS = [links.conversations("The conversations with tool calls", show="tools")]
_FAILED = [links.conversations("The conversations in which a tool failed", show="failed_tools")]
_NONE = "no tool calls in this time range"


def _over_time(title: str, figure: str, description: str, unit: str) -> Panel:
    sql = f"SELECT time, tool, {figure} FROM {call('tool_usage_over_time', step_s=STEP_S)}"
    # A step without calls has 0 calls, but no rate and no duration.
    sql = every_step(sql, figure, label="tool") if unit == "locale" else f"{sql} ORDER BY time, tool"
    return lines(
        title,
        f"{description} {_METRIC.definition}",
        sql,
        fields(unit, _NONE),
        width=12,
        height=8,
        stacked=unit == "locale",
        label="tool",
    )


def _totals() -> list[Panel]:
    view = _METRIC.view
    definition = _METRIC.definition
    return [
        tile("Calls", definition, this_and_before(view, "sum(calls)"), fields("locale", "–", links=_CONVERSATIONS)),
        tile(
            "Errors",
            definition,
            this_and_before(view, "sum(errors)"),
            fields("locale", "–", ((None, "green"), (1, "yellow")), links=_FAILED),
            direction=Direction.UP_IS_BAD,
        ),
        tile(
            "Error rate",
            f"The share of all tool calls that failed. {definition}",
            this_and_before(view, "if(sum(calls) = 0, NULL, sum(errors) / sum(calls))", Unit.RATIO),
            fields("percentunit", "–", ((None, "green"), (0.05, "yellow"), (0.2, "red")), decimals=1, links=_FAILED),
            direction=Direction.UP_IS_BAD,
        ),
        tile("Tools used", f"Different tools. {definition}", this_and_before(view, "count()"), fields("locale", "–")),
    ]


def _slowest() -> Panel:
    return ranking(
        "Slowest tools",
        f"By the 95th percentile of their durations. {_METRIC.definition}",
        f"SELECT tool, p95_s FROM {call(_METRIC.view)} ORDER BY p95_s DESC, tool LIMIT 25",
        fields(
            "s",
            _NONE,
            ((None, "green"), (5, "yellow"), (20, "red")),
            links=[links.conversations("The conversations that called it", tool=links.in_row("tool"))],
        ),
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
    """The dashboard of tools."""
    return Dashboard(
        uid=links.TOOLS,
        title="Tools",
        description="The tools that agents call: how often, how long, and how often they fail.",
        variables=filters(),
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
