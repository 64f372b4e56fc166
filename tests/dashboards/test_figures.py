"""The figures on the dashboards are the metrics'."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from agentsight_otel.clickhouse.catalogue import BY_VIEW, WEEKDAYS, Unit
from agentsight_otel.metrics import METRICS, Rows, Window, query
from grafana.countries import ALPHA_3
from grafana.sql import both_periods
from tests.dashboards import seed
from tests.dashboards.conftest import Answer, GrafanaUser
from tests.dashboards.expanding import Value
from tests.dashboards.reading import all_panels, filters_of, panel, sql_of, viewer

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
def test_a_tile_shows_the_metric_and_its_change(grafana: GrafanaUser, admin: Any, choice: dict[str, Value]) -> None:
    for title, (view, column) in TILES.items():
        (found,) = shown(grafana, OVERVIEW, title, choice).rows
        now, before = (query(admin, view, asked)[0][column] for asked in (window(choice), window(choice).before()))
        assert same(found["figure"], now), (title, choice)
        assert found["change"] == change(now, before, in_points=column.endswith("rate")), (title, choice)


def change(now: float | None, before: float | None, *, in_points: bool) -> str:
    if now is None and before is None:
        return "–"
    if now == before:
        return "unchanged"
    if now is None:
        return "none now"
    if before is None or (before == 0 and not in_points):
        return "new"
    size = abs(now - before) * 100 if in_points else abs(now / before - 1) * 100
    said = f"{round(size, 1):g}" if size < 10 else f"{round(size):g}"
    return f"{'▲' if now > before else '▼'} {said} {'points' if in_points else '%'}"


@pytest.mark.parametrize(
    ("now", "before", "in_per_cent", "in_points"),
    [
        ("5", "0", "new", "▲ 500 points"),
        ("5", "NULL", "new", "new"),
        ("NULL", "5", "none now", "none now"),
        ("NULL", "NULL", "–", "–"),
        ("0", "0", "unchanged", "unchanged"),
        ("0", "5", "▼ 100 %", "▼ 500 points"),
        ("0.81", "0.79", "▲ 2.5 %", "▲ 2 points"),
        ("100001", "100000", "unchanged", "▲ 100 points"),
    ],
)
def test_a_change_says_what_it_is_a_change_of(
    grafana: GrafanaUser, now: str, before: str, in_per_cent: str, in_points: str
) -> None:
    for unit, expected in ((Unit.COUNT, in_per_cent), (Unit.RATIO, in_points)):
        asked = both_periods(f"SELECT {now} AS figure", f"SELECT {before} AS figure", unit)
        assert grafana.ask(asked).values("change") == [expected]


@pytest.mark.parametrize("year", [1970, 1973, 1976, 2000])
def test_a_time_range_may_begin_in_any_year(grafana: GrafanaUser, admin: Any, year: int) -> None:
    start = datetime(year, 1, 2, tzinfo=timezone.utc)
    asked = Window(start, at(seed.END_MS), "UTC", {})
    looking = replace(viewer(OVERVIEW), start_ms=int(start.timestamp() * 1000))
    for title, (view, column) in TILES.items():
        (found,) = grafana.ask(looking.expand(sql_of(panel(OVERVIEW, title)))).rows
        assert same(found["figure"], query(admin, view, asked)[0][column]), title


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
    if not query(admin, "metric_world_map", window(choice)):
        assert answer.rows == []  # then the panel says so
        return
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
    looking = viewer(OVERVIEW, dashboards_zone=zone if zone != "UTC" else "utc", **choice)
    days = grafana.ask(looking.expand(sql_of(panel(OVERVIEW, "Messages and conversations by day"))))
    expected = query(admin, "metric_daily_overview", window(choice, zone))
    assert rows(days, "day", "messages", "conversations") == [
        {**row, "day": row["day"].isoformat()} for row in expected
    ]
    for row in days.rows:
        first, last = (at(int(row[name])).astimezone(ZoneInfo(zone)) for name in ("first_ms", "last_ms"))
        assert first.isoformat()[:19] == f"{row['day']}T00:00:00"
        assert last.isoformat()[:23] == f"{row['day']}T23:59:59.999"
    hours = query(admin, "metric_peak_hours", window(choice, zone))
    for counted in ("messages", "conversations"):
        asked = viewer(OVERVIEW, dashboards_zone=looking.timezone, **choice, peak_hours_of=counted)
        heat = grafana.ask(asked.expand(sql_of(panel(OVERVIEW, "Peak hours"))))
        assert [row["hour"] for row in heat.rows] == list(range(24))
        for cell in hours:
            assert heat.rows[cell["hour"]][WEEKDAYS[cell["day_of_week"] - 1]] == cell[counted]
        assert any(row[day] for row in heat.rows for day in WEEKDAYS)


FILTERED = [
    (uid, title)
    for uid, title in all_panels()
    if uid not in ("agentsight-conversation", "agentsight-pipeline") and panel(uid, title)["type"] != "stat"
]


@pytest.mark.parametrize(("uid", "title"), FILTERED)
def test_where_there_is_nothing_a_panel_gives_no_rows_so_that_it_can_say_so(
    grafana: GrafanaUser, uid: str, title: str
) -> None:
    assert shown(grafana, uid, title, {"source": ["nothing of this kind"]}).rows == []
    assert panel(uid, title)["fieldConfig"]["defaults"]["noValue"].startswith("no ")


@pytest.mark.parametrize("choice", CHOICES)
def test_feedback_details_and_counts_are_the_metrics(
    grafana: GrafanaUser, admin: Any, choice: dict[str, Value]
) -> None:
    (feedback,) = query(admin, "metric_conversation_feedback", window(choice))
    expected = {name: feedback[name] for name in ("positive", "neutral", "negative")}
    assert rows(shown(grafana, OVERVIEW, "Feedback", choice)) == ([expected] if feedback["total"] else [])
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
        assert same(shown(grafana, uid, title, choice).values("figure")[0], expected), title
    for title, column, total in (("Calls over time", "calls", calls), ("Errors over time", "errors", errors)):
        assert sum(shown(grafana, uid, title, choice).values(column)) == total
    steps = shown(grafana, uid, "Calls over time", choice).rows
    for tool in {row["tool"] for row in steps}:
        times = [datetime.fromisoformat(row["time"]) for row in steps if row["tool"] == tool]
        assert {later - time for time, later in pairwise(times)} == {timedelta(hours=1)}, "no calls are 0 calls"
    slowest = shown(grafana, uid, "Slowest tools", choice)
    assert {row["tool"]: row["p95_s"] for row in slowest.rows} == pytest.approx(
        {row["tool"]: row["p95_s"] for row in tools}
    )
    assert slowest.values("p95_s") == sorted(slowest.values("p95_s"), reverse=True)
    failed = shown(grafana, uid, "Latest failed calls", choice)
    assert len(failed.rows) == errors
    assert set(failed.values("error_type")) <= {"Timeout"}


@pytest.mark.parametrize("choice", CHOICES)
def test_the_dashboard_of_models_adds_up(grafana: GrafanaUser, admin: Any, choice: dict[str, Value]) -> None:
    uid = "agentsight-models"
    models = shown(grafana, uid, "Models", choice).rows
    calls, read = sum(row["calls"] for row in models), sum(row["input_tokens"] for row in models)
    for title, expected in (("Model calls", calls), ("Input tokens", read)):
        assert same(shown(grafana, uid, title, choice).values("figure")[0], expected), title
    for title, expected in (
        ("Calls over time", calls),
        ("Tokens over time", read + sum(row["output_tokens"] for row in models)),
    ):
        assert sum(shown(grafana, uid, title, choice).values("figure")) == expected, title
    for by, values in CALLED.items():
        most_called = shown(grafana, uid, "Most calls", choice, by=by)
        assert sum(most_called.values("calls")) == calls
        over_time = shown(grafana, uid, "Calls over time", choice, by=by)
        assert sum(over_time.values("figure")) == calls
        assert set(over_time.values("value")) == set(most_called.values("value")) <= values
        assert choice or set(most_called.values("value")) == values
    if not choice:
        assert calls > 30 and {row["model"] for row in models} == CALLED["model"]
        dearest = shown(grafana, uid, "Conversations with the most tokens", choice)
        assert sorted(dearest.values("model_calls")) == [1] * (len(dearest.rows) - 1) + [2]


CALLED = {
    "model": {"gpt-5-mini", "claude", seed.HOSTILE},
    "provider": {"openai", "anthropic"},
    "service": {"agent-a", "agent-b"},
    "environment": {"production"},
}


def test_a_cost_that_is_not_known_is_no_0_and_the_panel_says_why(grafana: GrafanaUser, admin: Any) -> None:
    uid = "agentsight-models"

    def cost(choice: dict[str, Value]) -> tuple[float | None, str]:
        (row,) = shown(grafana, uid, "Cost", choice).rows
        return row["figure"], row["change"]

    def lines() -> set[str]:
        return {row["value"] for row in shown(grafana, uid, "Cost over time", {}).rows if row["figure"] is not None}

    def price(model: str, currency: str) -> None:
        admin.insert(
            "model_prices", [[model, 1.0, 1.0, currency]], ["model", "input_price", "output_price", "currency"]
        )

    try:
        assert cost({"source": ["nothing of this kind"]}) == (None, "no model calls in this time range")
        assert cost({}) == (None, "a price is missing or in several currencies")
        assert lines() == set()
        price("gpt-5-mini", "USD")
        assert cost({}) == (None, "a price is missing or in several currencies")
        assert lines() == {"gpt-5-mini, USD"}
        price("*", "EUR")
        assert cost({}) == (None, "prices are in several currencies")
        assert lines() == {"gpt-5-mini, USD", "claude, EUR", f"{seed.HOSTILE}, EUR"}
        price("*", "USD")
        figure, change = cost({})
        assert figure is not None and figure > 0 and change.startswith(("▲", "▼"))
        assert figure == pytest.approx(sum(shown(grafana, uid, "Models", {}).values("cost")))
        assert figure == pytest.approx(sum(shown(grafana, uid, "Cost over time", {}).values("figure")))
    finally:
        admin.command("TRUNCATE TABLE model_prices")
