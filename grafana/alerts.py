"""Alert rules, as a file that Grafana reads when it starts. Their queries can use macros, but no variables."""

from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from grafana import links, overview, pipeline, tools
from grafana.panels import DATASOURCE, OLDEST_PLUGIN, TABLE, Json
from grafana.sql import call_unfiltered

DATASOURCE_UID = "agentsight-clickhouse"
"""The data source of provisioning/datasources: a rule, unlike a panel, has to name one."""

_EXPRESSIONS = "__expr__"


@dataclass(frozen=True)
class Rule:
    """An alert rule.

    Attributes:
        uid: The rule's id in every Grafana.
        title: The rule's title.
        sql: A query of one row, or of one row for each value of a text column, with one number to compare.
        window_s: How far back the query looks, in seconds.
        above: The rule fires where the number is greater; None for a rule with ``below``.
        below: The rule fires where the number is smaller; None for a rule with ``above``.
        lasting: How long the condition must hold before the rule fires, in Grafana's notation (``5m``).
        severity: The label ``severity``, for routing.
        summary: A sentence that says what happened.
        description: A text that says what it may mean, and what to check.
        panel: The dashboard and the panel that show the figure.
    """

    uid: str
    title: str
    sql: str
    window_s: int
    lasting: str
    severity: str
    summary: str
    description: str
    panel: tuple[Json, str]
    above: float | None = None
    below: float | None = None

    def as_json(self) -> Json:
        """The rule in the format of Grafana's provisioning."""
        dashboard, title = self.panel
        (panel_id,) = (panel["id"] for panel in dashboard["panels"] if panel["title"] == title)
        limit = {"type": "lt", "params": [self.below]} if self.above is None else {"type": "gt", "params": [self.above]}
        return {
            "uid": self.uid,
            "title": self.title,
            "condition": "B",
            "for": self.lasting,
            # Without data no other rule fires: the rule "No conversations" reports missing data.
            "noDataState": "OK",
            "execErrState": "Error",
            "isPaused": False,
            "dashboardUid": dashboard["uid"],
            "panelId": panel_id,
            "labels": {"severity": self.severity, "product": "agentsight"},
            "annotations": {"summary": self.summary, "description": self.description},
            "data": [
                {
                    "refId": "A",
                    "datasourceUid": DATASOURCE_UID,
                    "relativeTimeRange": {"from": self.window_s, "to": 0},
                    "model": {
                        "refId": "A",
                        "datasource": {"type": DATASOURCE["type"], "uid": DATASOURCE_UID},
                        "editorType": "sql",
                        "queryType": "table",
                        "format": TABLE,
                        "rawSql": self.sql,
                        "pluginVersion": OLDEST_PLUGIN,
                        "meta": {},
                    },
                },
                {
                    "refId": "B",
                    "datasourceUid": _EXPRESSIONS,
                    "relativeTimeRange": {"from": 0, "to": 0},
                    "model": {
                        "refId": "B",
                        "datasource": {"type": _EXPRESSIONS, "uid": _EXPRESSIONS},
                        "type": "threshold",
                        "expression": "A",
                        "conditions": [{"evaluator": limit}],
                    },
                },
            ],
        }


def rules() -> Sequence[Rule]:
    """The six rules. Their limits are a start; set your own."""
    shown = overview.dashboard().as_json()
    return (
        Rule(
            uid="agentsight-response-time",
            title="Response time",
            sql="SELECT if(responses >= 5, p95_s, 0) AS p95_s\nFROM " + call_unfiltered("metric_agent_response_time"),
            window_s=3_600,
            above=60,
            lasting="10m",
            severity="warning",
            summary="One answer in twenty took longer than a minute in the last hour.",
            description="The 95th percentile of the response time, of 5 answers or more, is above 60 s. Look at the"
            " slowest tools, and at the model's own times in a trace.",
            panel=(shown, "Response time in detail"),
        ),
        Rule(
            uid="agentsight-escalation-rate",
            title="Escalation rate",
            sql="SELECT if(conversations >= 20, rate, 0) AS rate\nFROM " + call_unfiltered("metric_human_escalation"),
            window_s=6 * 3_600,
            above=0.4,
            lasting="15m",
            severity="warning",
            summary="More than 40 % of the conversations of the last 6 hours were handed to a person.",
            description="Of 20 conversations or more. Look at the escalated conversations: what was asked that the"
            " agent could not answer?",
            panel=(shown, "Escalation rate"),
        ),
        Rule(
            uid="agentsight-negative-feedback",
            title="Negative feedback",
            sql="SELECT if(positive + negative >= 10, negative / (positive + negative), 0) AS negative_share\nFROM "
            + call_unfiltered("metric_conversation_feedback"),
            window_s=24 * 3_600,
            above=0.5,
            lasting="15m",
            severity="warning",
            summary="More than half of the feedback of the last 24 hours is negative.",
            description="Of 10 positive and negative ones or more. Look at the conversations with negative feedback.",
            panel=(shown, "Feedback"),
        ),
        Rule(
            uid="agentsight-tool-errors",
            title="Errors of a tool",
            sql="SELECT tool, errors / calls AS error_rate\nFROM "
            + call_unfiltered("metric_tool_usage")
            + "\nWHERE calls >= 10",
            window_s=1_800,
            above=0.2,
            lasting="5m",
            severity="critical",
            summary="More than 20 % of the calls of tool {{ $labels.tool }} failed in the last half hour.",
            description="Of 10 calls or more. The latest failed calls, with their arguments, are at the end of the"
            " dashboard.",
            panel=(tools.dashboard().as_json(), "Tool usage"),
        ),
        Rule(
            uid="agentsight-no-conversations",
            title="No conversations",
            sql="SELECT conversations\nFROM "
            + call_unfiltered("metric_total_conversations")
            + "\nWHERE (SELECT sum(counted_spans) FROM pipeline_ingest WHERE minute < $__fromTime) > 0",
            window_s=3 * 3_600,
            below=1,
            lasting="15m",
            severity="critical",
            summary="No conversation started in the last 3 hours.",
            description="There were some before, so that this is no new installation."
            " The chat, the agent or the pipeline may be down: Pipeline health says whether spans arrive."
            " Where nights are quiet, look back further or mute the rule at night.",
            panel=(shown, "Conversations"),
        ),
        Rule(
            uid="agentsight-pipeline-lag",
            title="Pipeline lag",
            sql="SELECT max(lag_p95_s) AS lag_s\nFROM pipeline_ingest\n"
            "WHERE minute >= $__fromTime AND minute <= $__toTime",
            window_s=600,
            above=300,
            lasting="10m",
            severity="critical",
            summary="Spans reach ClickHouse more than 5 minutes after they ended.",
            description="A collector's queue is filling, or ClickHouse is slow or down for a while. A backfill of old"
            " conversations looks the same.",
            panel=(pipeline.dashboard().as_json(), "Lag over time"),
        ),
    )


def as_yaml() -> str:
    """The provisioning file."""
    group = {
        "orgId": 1,
        "name": "agentsight",
        "folder": links.FOLDER,
        "interval": "1m",
        "rules": [rule.as_json() for rule in rules()],
    }
    header = "# Generated by `python -m grafana.generate` from grafana/alerts.py.\n"
    return header + yaml.dump(
        {"apiVersion": 1, "groups": [group]}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120
    )


class _Dumper(yaml.SafeDumper):
    """Writes YAML with texts of several lines as blocks, and without anchors and aliases."""

    def ignore_aliases(self, data: object) -> bool:
        """True for everything, so that YAML has no anchors and aliases."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
