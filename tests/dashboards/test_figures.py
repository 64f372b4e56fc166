"""The figures on the dashboards are the metrics'."""

from datetime import datetime, timezone
from typing import Any

import pytest

from agentsight_otel.catalogue import BY_VIEW, WEEKDAYS
from agentsight_otel.metrics import METRICS, Rows, Window, query
from grafana.countries import ALPHA_3
from tests.dashboards import seed
from tests.dashboards.conftest import Answer, GrafanaUser
from tests.dashboards.expanding import Value
from tests.dashboards.reading import filters_of, panel, sql_of, viewer

OVERVIEW = "agentsight-overview"
CHOICES: list[dict[str, Value]] = [
    {},
    {
        "device": [seed.HOSTILE.lower(), "mobile", "unknown"],
        "service": ["agent-a"],
        "country": ["GR", "US", "unknown"],
        "language": ["el", "en"],
        "environment": ["production"],
        "source": [seed.HOSTILE.lower(), "web"],
    },
    {"source": ["nothing of this kind"]},
]
TILES = {
    "Conversations": ("metric_total_conversations", "conversations"),
    "Messages": ("metric_total_messages", "messages"),
    "Individual users": ("metric_individual_users", "users"),
    "Interaction rate": ("metric_unique_interaction", "rate"),
    "Response time": ("metric_agent_response_time", "average_s"),
    "Duration": ("metric_conversation_duration", "average_s"),
    "Escalation rate": ("metric_human_escalation", "rate"),
    "Satisfaction": ("metric_conversation_feedback", "positive_rate"),
}


def at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, timezone.utc)


def window(choice: dict[str, Value], zone: str = "UTC") -> Window:
    return Window(at(seed.START_MS), at(seed.END_MS), zone, filters_of(choice))


def shown(grafana: GrafanaUser, uid: str, title: str, choice: dict[str, Value], **more: Any) -> Answer:
    return grafana.ask(viewer(uid, **{**choice, **more}).expand(sql_of(panel(uid, title))))


def rows(answer: Answer, *columns: str) -> Rows:
    return [{name: row[name] for name in columns or answer.columns} for row in answer.rows]


def same(found: Any, expected: Any) -> bool:
    return bool(found == (pytest.approx(expected, rel=1e-9) if isinstance(expected, float) else expected))


@pytest.mark.parametrize("choice", CHOICES)
def test_a_tile_shows_the_metric_and_the_period_before(
    grafana: GrafanaUser, admin: Any, choice: dict[str, Value]
) -> None:
    for title, (view, column) in TILES.items():
        answer = shown(grafana, OVERVIEW, title, choice)
        assert answer.values("period") == ["before", "now"], title
        for found, asked in zip(answer.values("figure"), (window(choice).before(), window(choice)), strict=True):
            assert same(found, query(admin, view, asked)[0][column]), (title, choice)


def test_the_window_is_not_empty_and_neither_is_the_one_before(admin: Any) -> None:
    for asked in (window({}), window({}).before()):
        for view in METRICS:
            answer = query(admin, view, asked)[0]
            assert answer[BY_VIEW[view].headline] is not None, view
    assert query(admin, "metric_total_conversations", window({}))[0]["conversations"] > 30


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize(
    ("title", "view"),
    [
        ("Devices", "metric_device_usage"),
        ("Sources", "metric_source"),
        ("Languages", "metric_language"),
        ("Tool usage", "metric_tool_usage"),
    ],
)
def test_categories_are_the_metrics_rows(
    grafana: GrafanaUser, admin: Any, title: str, view: str, choice: dict[str, Value]
) -> None:
    expected = query(admin, view, window(choice))
    found = rows(shown(grafana, OVERVIEW, title, choice), *(column.name for column in BY_VIEW[view].columns))
    assert len(found) == len(expected)
    for found_row, row in zip(found, expected, strict=True):
        assert all(same(found_row[name], value) for name, value in row.items()), (found_row, row)


def test_a_tools_error_rate_is_its_errors_by_its_calls(grafana: GrafanaUser) -> None:
    for row in shown(grafana, OVERVIEW, "Tool usage", {}).rows:
        assert row["error_rate"] == pytest.approx(row["errors"] / row["calls"])


@pytest.mark.parametrize("choice", CHOICES)
def test_the_map_shows_every_country_by_the_code_that_its_map_knows(
    grafana: GrafanaUser, admin: Any, choice: dict[str, Value]
) -> None:
    answer = shown(grafana, OVERVIEW, "Countries", choice)
    assert answer.values("country")[0] == "unknown"  # the row that the map overlooks
    expected = {row["country"]: row["conversations"] for row in query(admin, "metric_world_map", window(choice))}
    assert {row["country"]: row["conversations"] for row in answer.rows} == {"unknown": 0, **expected}
    for row in answer.rows:
        assert row["alpha_3"] == ALPHA_3.get(row["country"], "")


@pytest.mark.parametrize(
    ("choice", "zone"), [(CHOICES[0], "UTC"), (CHOICES[0], "Asia/Kolkata"), (CHOICES[1], "America/New_York")]
)
def test_days_and_hours_are_those_of_the_chosen_time_zone(
    grafana: GrafanaUser, admin: Any, choice: dict[str, Value], zone: str
) -> None:
    days = shown(grafana, OVERVIEW, "Messages and conversations by day", choice, timezone=zone)
    expected = query(admin, "metric_daily_overview", window(choice, zone))
    assert rows(days) == [{**row, "day": row["day"].isoformat()} for row in expected]
    hours = query(admin, "metric_peak_hours", window(choice, zone))
    for counted in ("messages", "conversations"):
        heat = shown(grafana, OVERVIEW, "Peak hours", choice, timezone=zone, peak_hours_of=counted)
        assert [row["hour"] for row in heat.rows] == list(range(24))
        for cell in hours:
            assert heat.rows[cell["hour"]][WEEKDAYS[cell["day_of_week"] - 1]] == cell[counted]
        assert any(row[day] for row in heat.rows for day in WEEKDAYS)


@pytest.mark.parametrize(("browsers", "zone"), [("utc", "UTC"), ("Europe/Athens", "Europe/Athens")])
@pytest.mark.parametrize("resolved", [True, False])
def test_the_dashboards_own_time_zone_is_the_default(
    grafana: GrafanaUser, admin: Any, browsers: str, zone: str, resolved: bool
) -> None:
    # The variable's first choice is Grafana's own variable: its value, or where Grafana leaves it, its name.
    chosen = browsers if resolved else "${__timezone}"
    looking = viewer(OVERVIEW, timezone=chosen, dashboards_zone=browsers)
    heat = grafana.ask(looking.expand(sql_of(panel(OVERVIEW, "Peak hours"))))
    for cell in query(admin, "metric_peak_hours", window({}, zone)):
        assert heat.rows[cell["hour"]][WEEKDAYS[cell["day_of_week"] - 1]] == cell["messages"]


@pytest.mark.parametrize("choice", CHOICES)
def test_feedback_details_and_counts_are_the_metrics(
    grafana: GrafanaUser, admin: Any, choice: dict[str, Value]
) -> None:
    (feedback,) = query(admin, "metric_conversation_feedback", window(choice))
    (found,) = rows(shown(grafana, OVERVIEW, "Feedback", choice))
    assert found == {name: feedback[name] for name in ("positive", "neutral", "negative")}
    for view in ("metric_agent_response_time", "metric_conversation_duration"):
        metric = BY_VIEW[view]
        (expected,) = query(admin, view, window(choice))
        (found,) = rows(shown(grafana, OVERVIEW, f"{metric.title} in detail", choice))
        assert list(found) == ["average", "median", "95th percentile"]
        for name in ("average_s", "p50_s", "p95_s"):
            assert same(found[metric.column(name).label], expected[name])
    (counts,) = rows(shown(grafana, OVERVIEW, "Counts", choice))
    (messages,) = query(admin, "metric_total_messages", window(choice))
    (responses,) = query(admin, "metric_agent_response_time", window(choice))
    (escalation,) = query(admin, "metric_human_escalation", window(choice))
    (interaction,) = query(admin, "metric_unique_interaction", window(choice))
    (users,) = query(admin, "metric_individual_users", window(choice))
    assert counts == {
        "messages by users": messages["user_messages"],
        "messages by the agent": messages["agent_messages"],
        "responses": responses["responses"],
        "unanswered": responses["unanswered"],
        "escalated": escalation["escalated"],
        "visits": interaction["visits"],
        "engaged": interaction["engaged"],
        "conversations with a customer": users["identified_conversations"],
    }


@pytest.mark.parametrize("choice", CHOICES)
def test_the_dashboard_of_tools_adds_up(grafana: GrafanaUser, admin: Any, choice: dict[str, Value]) -> None:
    uid = "agentsight-tools"
    tools = query(admin, "metric_tool_usage", window(choice))
    calls, errors = sum(row["calls"] for row in tools), sum(row["errors"] for row in tools)
    totals = {
        "Calls": calls,
        "Errors": errors,
        "Error rate": errors / calls if calls else None,
        "Tools used": len(tools),
    }
    for title, expected in totals.items():
        assert same(shown(grafana, uid, title, choice).values("figure")[1], expected), title
    for title, column, total in (("Calls over time", "calls", calls), ("Errors over time", "errors", errors)):
        assert sum(shown(grafana, uid, title, choice).values(column)) == total
    slowest = shown(grafana, uid, "Slowest tools", choice)
    assert {row["tool"]: row["p95_s"] for row in slowest.rows} == pytest.approx(
        {row["tool"]: row["p95_s"] for row in tools}
    )
    assert slowest.values("p95_s") == sorted(slowest.values("p95_s"), reverse=True)
    failed = shown(grafana, uid, "Latest failed calls", choice)
    assert len(failed.rows) == errors
    assert set(failed.values("error_type")) <= {"Timeout"}
