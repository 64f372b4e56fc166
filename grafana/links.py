"""Where a click leads: from a figure to what is behind it, with the time range and the filters as they are."""

from collections.abc import Iterable

from agentsight_otel.catalogue import FILTER_LABELS
from grafana.panels import Json, link

OVERVIEW = "agentsight-overview"
TOOLS = "agentsight-tools"
CONVERSATIONS = "agentsight-conversations"
CONVERSATION = "agentsight-conversation"
PIPELINE = "agentsight-pipeline"
FOLDER = "AgentSight"
"""Grafana's folder for dashboards and alert rules."""

_VIEWER = ("datasource", "timezone")


def _url(uid: str, kept: Iterable[str], **chosen: str) -> str:
    """A dashboard's address that keeps the time range and some variables, and sets others."""
    variables = [f"${{{name}:queryparam}}" for name in kept if name not in chosen]
    return f"/d/{uid}?" + "&".join(
        ["${__url_time_range}", *variables, *(f"var-{name}={value}" for name, value in chosen.items())]
    )


def conversations(title: str = "The conversations behind it", **chosen: str) -> Json:
    """To the list of conversations, with some variables of that dashboard set."""
    return link(title, _url(CONVERSATIONS, (*_VIEWER, *FILTER_LABELS), **chosen))


def tools() -> Json:
    """To the dashboard of tools."""
    return link("Tools", _url(TOOLS, (*_VIEWER, *FILTER_LABELS)))


def conversation() -> Json:
    """To the conversation whose id is in the row."""
    return link("Open the conversation", _url(CONVERSATION, _VIEWER, conversation=in_row("conversation_id")))


def trace() -> Json:
    """To the trace whose id is in the row, of the conversation shown."""
    return link("Show this trace below", _url(CONVERSATION, (*_VIEWER, "conversation"), trace=in_row("trace_id")))


def in_row(field: str) -> str:
    """The value of a field of the row clicked on, for an address."""
    return f"${{__data.fields.{field}:percentencode}}"
