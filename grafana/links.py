"""Links from a figure to the conversations behind it, which keep the time range and the filters."""

from collections.abc import Iterable

from agentsight_otel.clickhouse.catalogue import FILTER_LABELS
from grafana.panels import Json, link

OVERVIEW = "agentsight-overview"
TOOLS = "agentsight-tools"
CONVERSATIONS = "agentsight-conversations"
CONVERSATION = "agentsight-conversation"
PIPELINE = "agentsight-pipeline"
MODELS = "agentsight-models"
FOLDER = "AgentSight"
"""Grafana's folder for dashboards and alert rules."""

CARRIED = ("datasource", *FILTER_LABELS)
"""The variables that every dashboard has, some of them hidden, and that every link passes on."""
OF_THE_LIST = ("show", "tool", "by", "model", "search")
"""The variables of the list of conversations, which a conversation opened from it hands back."""


def _url(uid: str, kept: Iterable[str], *, window: str = "${__url_time_range}", **chosen: str) -> str:
    """The URL of a dashboard, with the current time range, some current variables, and others set."""
    variables = [f"${{{name}:queryparam}}" for name in kept if name not in chosen]
    return f"/d/{uid}?" + "&".join([window, *variables, *(f"var-{name}={value}" for name, value in chosen.items())])


def conversations(title: str = "The conversations behind it", **chosen: str) -> Json:
    """A link to the list of conversations, with some variables of that dashboard set."""
    return link(title, _url(CONVERSATIONS, CARRIED, **chosen))


def conversations_between(title: str, start: str, end: str, **chosen: str) -> Json:
    """A link to the list of conversations, for a part of the time range.

    Args:
        title: The link's text.
        start: The row's field with the part's start, in ms since 1970.
        end: The row's field with the part's end, in ms since 1970.
        chosen: Values of that dashboard's variables.
    """
    window = f"from={in_row(start)}&to={in_row(end)}"
    return link(title, _url(CONVERSATIONS, CARRIED, window=window, **chosen))


def conversations_by_choice(field: str) -> Json:
    """A link to the conversations with calls of what a row names, by what is chosen on the dashboard."""
    return link("The conversations with these calls", _url(CONVERSATIONS, (*CARRIED, "by"), model=in_row(field)))


def tools() -> Json:
    """A link to the dashboard of tools."""
    return link("Tools", _url(TOOLS, CARRIED))


def conversation(*, listed: bool = False) -> Json:
    """A link to the conversation whose id is in the row; from the list, with its variables, for the way back."""
    kept = (*CARRIED, *(OF_THE_LIST if listed else ()))
    return link("Open the conversation", _url(CONVERSATION, kept, conversation=in_row("conversation_id")))


def trace() -> Json:
    """A link to the trace whose id is in the row, in the same conversation."""
    kept = (*CARRIED, *OF_THE_LIST, "conversation")
    return link("Show this trace below", _url(CONVERSATION, kept, trace=in_row("trace_id")))


def back_to_the_list() -> Json:
    """A link from a conversation back to the list from which it was opened."""
    return link("Back to the conversations", _url(CONVERSATIONS, (*CARRIED, *OF_THE_LIST)))


def in_row(field: str) -> str:
    """Grafana's variable for the value of a field in the row that was clicked, for a URL."""
    return f"${{__data.fields.{field}:percentencode}}"
