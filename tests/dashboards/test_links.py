"""A figure leads to the very conversations that it counts, whenever they started."""

import re
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from agentsight_otel.metrics import Window, query
from grafana.conversations import SHOWN
from tests.dashboards import seed
from tests.dashboards.conftest import Answer, GrafanaUser
from tests.dashboards.expanding import Value
from tests.dashboards.reading import filters_of, panel, panels, sql_of, viewer
from tests.dashboards.test_figures import CHOICES, at

LIST = "agentsight-conversations"
WINDOWS = {
    "to now": (seed.START_MS, seed.END_MS),
    # Some of its conversations go on after it, others began before it.
    "that is over": (seed.START_MS, seed.END_MS - seed.DAY_MS),
}
# Which conversations are behind each choice, as people would ask for them by the grain views; `inside` is the window.
BEHIND = {
    "all": "SELECT conversation_id FROM conversations_v WHERE inside(started_at)",
    "identified": "SELECT conversation_id FROM conversations_v WHERE inside(started_at) AND customer_id != ''",
    "timed": "SELECT conversation_id FROM conversations_v WHERE inside(started_at) AND duration_s IS NOT NULL",
    "escalated": "SELECT conversation_id FROM conversations_v WHERE inside(started_at) AND conversation_id IN ("
    "SELECT conversation_id FROM tool_calls_v WHERE tool = 'open_ticket')",
    "visits": "SELECT conversation_id FROM conversations_v WHERE inside(first_seen_at)",
    "engaged": "SELECT conversation_id FROM conversations_v WHERE inside(first_seen_at) AND started_at IS NOT NULL",
    "messages": "SELECT conversation_id FROM messages_v WHERE inside(timestamp)",
    "answered": "SELECT conversation_id FROM messages_v WHERE inside(timestamp) AND sender = 'agent'",
    "unanswered": "SELECT conversation_id FROM messages_v GROUP BY conversation_id"
    " HAVING countIf(sender = 'agent') = 0 AND inside(min(timestamp))",
    **{
        sentiment: "SELECT conversation_id FROM feedback_v WHERE inside(timestamp) GROUP BY conversation_id"
        f" HAVING argMax(sentiment, timestamp) = '{sentiment}'"
        for sentiment in ("positive", "neutral", "negative")
    },
    "tools": "SELECT conversation_id FROM tool_calls_v WHERE inside(timestamp)",
    "failed_tools": "SELECT conversation_id FROM tool_calls_v WHERE inside(timestamp) AND error",
    "models": "SELECT ConversationId FROM otel_traces WHERE AgentKind = 'llm' AND inside(Timestamp)",
    "failed_models": "SELECT ConversationId FROM otel_traces WHERE AgentKind = 'llm' AND inside(Timestamp) AND IsError",
}
FILTERED: dict[str, Value] = {
    "service": ["agent-a"],
    "environment": ["production"],
    "language": ["el", "en"],
    "country": ["GR", "US", "unknown"],
}
MATCHING = (
    "service = 'agent-a' AND environment = 'production' AND language IN ('el', 'en')"
    " AND country IN ('GR', 'US', 'unknown')"
)


def answer(grafana: GrafanaUser, title: str, bounds: tuple[int, int], **chosen: Value) -> Answer:
    looking = replace(viewer(LIST, **chosen), start_ms=bounds[0], end_ms=bounds[1])
    return grafana.ask(looking.expand(sql_of(panel(LIST, title))))


def listed(grafana: GrafanaUser, bounds: tuple[int, int], **chosen: Value) -> set[str]:
    ids = answer(grafana, "Conversations", bounds, **chosen).values("conversation_id")
    assert len(set(ids)) == len(ids)
    return set(ids)


def counted(grafana: GrafanaUser, bounds: tuple[int, int], **chosen: Value) -> Any:
    return answer(grafana, "Found", bounds, **chosen).values("conversations")[0]


def expected(admin: Any, asked: str, bounds: tuple[int, int], matching: str = "1") -> set[str]:
    start, end = (f"fromUnixTimestamp64Milli({ms}, 'UTC')" for ms in bounds)
    ids = re.sub(r"inside\((\w+(?:\(\w+\))?)\)", rf"(\1 >= {start} AND \1 < {end})", asked)
    rows = admin.query(f"SELECT conversation_id FROM conversations_v WHERE {matching} AND conversation_id IN ({ids})")
    return {row[0] for row in rows.result_rows}


def test_every_choice_is_one_that_is_tested() -> None:
    assert set(BEHIND) == set(SHOWN.values())


@pytest.mark.parametrize("show", BEHIND)
@pytest.mark.parametrize("bounds", WINDOWS.values(), ids=WINDOWS)
def test_a_choice_lists_the_conversations_that_it_says(
    grafana: GrafanaUser, admin: Any, bounds: tuple[int, int], show: str
) -> None:
    everything = listed(grafana, bounds, show=show)
    assert everything == expected(admin, BEHIND[show], bounds) != set()
    if bounds == WINDOWS["that is over"]:
        assert listed(grafana, bounds, **FILTERED, show=show) == expected(admin, BEHIND[show], bounds, MATCHING)


@pytest.mark.parametrize("choice", CHOICES[:2])
@pytest.mark.parametrize("bounds", WINDOWS.values(), ids=WINDOWS)
def test_a_list_is_as_long_as_its_metric_says(
    grafana: GrafanaUser, admin: Any, bounds: tuple[int, int], choice: dict[str, Value]
) -> None:
    window = Window(at(bounds[0]), at(bounds[1]), "UTC", filters_of(choice))
    for show, view, column in (
        ("all", "metric_total_conversations", "conversations"),
        ("identified", "metric_individual_users", "identified_conversations"),
        ("timed", "metric_conversation_duration", "conversations"),
        ("escalated", "metric_human_escalation", "escalated"),
        ("visits", "metric_unique_interaction", "visits"),
        ("engaged", "metric_unique_interaction", "engaged"),
        ("unanswered", "metric_agent_response_time", "unanswered"),
        ("positive", "metric_conversation_feedback", "positive"),
        ("neutral", "metric_conversation_feedback", "neutral"),
        ("negative", "metric_conversation_feedback", "negative"),
    ):
        assert counted(grafana, bounds, **choice, show=show) == query(admin, view, window)[0][column], show


@pytest.mark.parametrize("bounds", WINDOWS.values(), ids=WINDOWS)
def test_the_list_of_a_tool_or_a_model_is_as_long_as_it_was_called(
    grafana: GrafanaUser, admin: Any, bounds: tuple[int, int]
) -> None:
    """No conversation here calls a tool or a model twice."""
    window = Window(at(bounds[0]), at(bounds[1]), "UTC", {})
    for usage in query(admin, "metric_tool_usage", window):
        assert counted(grafana, bounds, tool=usage["tool"]) == usage["calls"]
        assert counted(grafana, bounds, tool=usage["tool"], show="failed_tools") == usage["errors"]
    for usage in query(admin, "model_usage", window):
        assert counted(grafana, bounds, model=usage["model"]) == usage["calls"]
        assert counted(grafana, bounds, model=usage["model"], show="failed_models") == usage["errors"]


@pytest.mark.parametrize("by", ["provider", "service", "environment"])
def test_a_row_of_the_models_ranking_leads_to_the_conversations_with_its_calls(grafana: GrafanaUser, by: str) -> None:
    bounds = WINDOWS["that is over"]  # in which those that came back called one model each
    looking = replace(viewer("agentsight-models", by=by), start_ms=bounds[0], end_ms=bounds[1])
    calls = grafana.ask(looking.expand(sql_of(panel("agentsight-models", "Most calls")))).rows
    assert calls
    for row in calls:
        assert counted(grafana, bounds, by=by, model=row["value"]) == row["calls"], (by, row)


def test_a_conversation_that_began_before_the_window_is_behind_its_figures_in_it(grafana: GrafanaUser) -> None:
    bounds = WINDOWS["that is over"]
    began_before = {seed.conversation_id(n) for n in seed.CAME_BACK[1:]}
    assert not began_before & listed(grafana, bounds)
    choices: list[dict[str, Value]] = [
        *({"show": show} for show in ("messages", "answered", "neutral", "failed_tools", "failed_models")),
        {"tool": "cancel_order"},
        {"model": "claude"},
        {"model": "anthropic", "by": "provider"},
    ]
    for chosen in choices:
        assert began_before <= listed(grafana, bounds, **chosen), chosen


def test_the_feedback_of_the_window_is_shown_whatever_came_after_it(grafana: GrafanaUser) -> None:
    rows = answer(grafana, "Conversations", WINDOWS["that is over"], show="positive").rows
    assert seed.conversation_id(seed.CAME_BACK[0]) in {row["conversation_id"] for row in rows}
    assert {row["feedback"] for row in rows} == {"positive"}


def test_choices_narrow_one_another(grafana: GrafanaUser) -> None:
    bounds = WINDOWS["that is over"]
    assert listed(grafana, bounds, tool="cancel_order", show="escalated") == set()
    both = listed(grafana, bounds, tool="cancel_order", model="claude")
    assert both == listed(grafana, bounds, tool="cancel_order") & listed(grafana, bounds, model="claude") != set()
    assert listed(grafana, bounds, tool="cancel_order", search=seed.conversation_id(61)) == {seed.conversation_id(61)}
    assert listed(grafana, bounds, show="$__dt' OR 1=1") == listed(grafana, bounds)


LEADS_TO: dict[str, dict[str, list[dict[str, str]]]] = {
    "agentsight-overview": {
        "Conversations": [{}],
        "Messages": [{"show": "messages"}],
        "Individual users": [{"show": "identified"}],
        "Interaction rate": [{"show": "visits"}],
        "Response time": [{"show": "answered"}],
        "Duration": [{"show": "timed"}],
        "Escalation rate": [{"show": "escalated"}],
        "Satisfaction": [{"show": "negative"}],
        "Messages and conversations by day": [{}, {"show": "messages"}],
        "Countries": [{"country": "token"}],
        "Devices": [{"device": "token"}],
        "Sources": [{"source": "token"}],
        "Languages": [{"language": "token"}],
        "Tool usage": [{"tool": "tool"}, {"tool": "tool", "show": "failed_tools"}],
        "Feedback": [{"show": "positive"}, {"show": "neutral"}, {"show": "negative"}],
        "Response time in detail": [{"show": "answered"}],
        "Duration in detail": [{"show": "timed"}],
        "Counts": [
            *[{"show": "messages"}] * 2,
            *({"show": show} for show in ("answered", "unanswered", "escalated", "visits", "engaged", "identified")),
        ],
    },
    "agentsight-tools": {
        "Calls": [{"show": "tools"}],
        "Errors": [{"show": "failed_tools"}],
        "Error rate": [{"show": "failed_tools"}],
        "Tool usage": [{"tool": "tool"}, {"tool": "tool", "show": "failed_tools"}],
        "Slowest tools": [{"tool": "tool"}],
    },
    "agentsight-models": {
        **{
            title: [{"show": "models"}]
            for title in ("Model calls", "Input tokens", "From the cache", "Output tokens", "Cost")
        },
        "Failed": [{"show": "failed_models"}],
        "Models": [
            {"by": "provider", "model": "provider"},
            {"by": "model", "model": "model"},
            {"by": "model", "model": "model", "show": "failed_models"},
        ],
        "Most calls": [{"model": "value"}],
    },
}
"""What each panel's links set in the list, where a value is a column's its name."""


@pytest.mark.parametrize("uid", LEADS_TO)
def test_each_figure_leads_to_the_choice_that_lists_its_conversations(uid: str) -> None:
    found = {}
    for one in panels(uid):
        options = one["fieldConfig"]
        properties = [each for override in options["overrides"] for each in override["properties"]]
        links = [
            *options["defaults"].get("links", ()),
            *(x for p in properties if p["id"] == "links" for x in p["value"]),
        ]
        made = []
        for link in links:
            if urlsplit(link["url"]).path != f"/d/{LIST}":
                continue
            variables = parse_qs(
                re.sub(r"\$\{__data\.fields\.(\w+):percentencode\}", r"\1", urlsplit(link["url"]).query)
            )
            made.append({name.removeprefix("var-"): value[0] for name, value in variables.items() if "var-" in name})
        if made:
            found[one["title"]] = made
    assert found == LEADS_TO[uid]
    if uid == "agentsight-models":
        (link,) = panel(uid, "Most calls")["fieldConfig"]["defaults"]["links"]
        assert "${by:queryparam}" in link["url"]
