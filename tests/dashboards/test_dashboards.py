"""The dashboards as files: generated, complete, laid out without overlap, and tied to nothing of one installation."""

import re
from itertools import combinations
from typing import Any

import pytest

from agentsight_otel.metrics import FILTERS, METRICS
from grafana import generate
from tests.dashboards.reading import DASHBOARDS, FOLDER, all_panels, panel, sql_of

UIDS = (
    "agentsight-conversation",
    "agentsight-conversations",
    "agentsight-models",
    "agentsight-overview",
    "agentsight-pipeline",
    "agentsight-tools",
)
GRAFANAS_OWN = {"__timezone", "__url_time_range", "__data", "__value", "__field"}


def texts(value: Any) -> "list[str]":
    if isinstance(value, dict):
        return [text for one in value.values() for text in texts(one)]
    if isinstance(value, list):
        return [text for one in value for text in texts(one)]
    return [value] if isinstance(value, str) else []


def test_what_is_committed_is_what_is_generated() -> None:
    generated = dict(generate.files())
    for path, text in generated.items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run python -m grafana.generate"
    assert {path for path in generated if path.suffix == ".json"} == set((FOLDER / "dashboards").iterdir())
    assert tuple(DASHBOARDS) == UIDS


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_panels_have_ids_and_places_of_their_own(uid: str) -> None:
    placed = DASHBOARDS[uid]["panels"]
    assert len({one["id"] for one in placed}) == len(placed)
    for one in placed:
        place = one["gridPos"]
        assert place["w"] > 0 and place["h"] > 0 and place["x"] >= 0 and place["x"] + place["w"] <= 24
    for one, other in combinations(placed, 2):
        a, b = one["gridPos"], other["gridPos"]
        apart = (
            a["x"] + a["w"] <= b["x"]
            or b["x"] + b["w"] <= a["x"]
            or a["y"] + a["h"] <= b["y"]
            or b["y"] + b["h"] <= a["y"]
        )
        assert apart, f"{one['title']!r} and {other['title']!r} overlap"


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_no_line_of_panels_leaves_a_gap(uid: str) -> None:
    lines: dict[int, int] = {}
    for one in DASHBOARDS[uid]["panels"]:
        lines[one["gridPos"]["y"]] = lines.get(one["gridPos"]["y"], 0) + one["gridPos"]["w"]
    assert set(lines.values()) == {24}


@pytest.mark.parametrize(("uid", "title"), all_panels())
def test_a_panel_says_what_it_shows_in_which_unit_and_what_without_data(uid: str, title: str) -> None:
    one = panel(uid, title)
    assert one["title"] and one["description"].endswith(".")
    defaults = one["fieldConfig"]["defaults"]
    assert defaults["noValue"]
    assert defaults["thresholds"]["steps"][0]["value"] is None
    if one["type"] == "table":
        figures = {"s": "_s", "percentunit": "rate", "bytes": "bytes"}
        for override in one["fieldConfig"]["overrides"]:
            if override["matcher"] == NUMBERS:
                continue
            name, properties = override["matcher"]["options"], {p["id"]: p["value"] for p in override["properties"]}
            assert "displayName" in properties, name
            for unit, ending in figures.items():
                if name.endswith(ending) and not name.endswith("parts"):
                    assert properties["unit"] == unit, name
    elif one["type"] not in ("traces",):
        numbers = [o["properties"] for o in one["fieldConfig"]["overrides"] if o["matcher"] == NUMBERS]
        units = [p["value"] for properties in numbers for p in properties if p["id"] == "unit"]
        assert units or defaults["unit"]
    # In a string, as comments do not reach ClickHouse.
    dashboard = DASHBOARDS[uid]["title"].removeprefix("AgentSight: ")
    assert sql_of(one).startswith(f"WITH 'agentsight: {dashboard} / {title}' AS asked_by")


NUMBERS = {"id": "byType", "options": "number"}


@pytest.mark.parametrize(("uid", "title"), all_panels())
def test_no_query_has_a_comment_and_none_a_macro_newer_than_the_version_that_it_names(uid: str, title: str) -> None:
    asked = sql_of(panel(uid, title))
    without_strings = re.sub(r"'(?:[^'\\]|\\.)*'", "''", asked)
    assert "/*" not in without_strings and "--" not in without_strings and "#" not in without_strings
    assert set(re.findall(r"\$__(\w+)", asked)) <= {"fromTime", "toTime", "fromTime_ms", "toTime_ms", "interval_s"}
    assert panel(uid, title)["targets"][0]["pluginVersion"] == "4.0.3"  # the first with $__fromTime_ms
    assert "4.0.3" in (FOLDER / "README.md").read_text()


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_no_data_source_and_no_database_is_wired_in(uid: str) -> None:
    dashboard = DASHBOARDS[uid]
    chosen = {"type": "grafana-clickhouse-datasource", "uid": "${datasource}"}
    for one in dashboard["panels"]:
        if one["type"] != "row":
            assert one["datasource"] == chosen
            assert [target["datasource"] for target in one["targets"]] == [chosen]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            assert variable["datasource"] == chosen
    assert not [text for text in texts(dashboard) if re.search(r"\bagentsight\.[a-z_]+\b", text)]


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_every_variable_used_is_one_that_there_is(uid: str) -> None:
    dashboard = DASHBOARDS[uid]
    names = {variable["name"] for variable in dashboard["templating"]["list"]}
    # Handed on to the next dashboard.
    handed_on = {"datasource"} | {
        variable["name"] for variable in dashboard["templating"]["list"] if variable["hide"] == 2
    }
    used = {name for text in texts(dashboard) for name in re.findall(r"\$\{(\w+)", text)}
    assert used - GRAFANAS_OWN <= names
    assert names - used - handed_on == set(), "a variable that changes nothing"
    assert {"datasource", *FILTERS} <= names, "a way through this dashboard loses the filters"


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_a_link_leads_to_a_dashboard_with_the_variables_that_it_sets(uid: str) -> None:
    links = [text for text in texts(DASHBOARDS[uid]) if text.startswith("/d/")]
    for link in links:
        target = re.match(r"/d/([a-z-]+)\?", link)
        assert target and target[1] in DASHBOARDS, link
        known = {variable["name"] for variable in DASHBOARDS[target[1]]["templating"]["list"]}
        assert set(re.findall(r"var-(\w+)=", link)) <= known, link
        handed_on = set(re.findall(r"var-(\w+)=|\$\{(\w+):queryparam\}", link))
        assert {"datasource", *FILTERS} <= {one or other for one, other in handed_on}, f"{link} loses the filters"
        assert "__url_time_range" in link or "from=" in link
        assert set(re.findall(r"\$\{(\w+):queryparam\}", link)) <= known, link
    assert links or uid == "agentsight-pipeline"
    (between,) = DASHBOARDS[uid]["links"]
    assert between["tags"] == DASHBOARDS[uid]["tags"] == ["agentsight"]
    assert between["keepTime"] and between["includeVars"]


@pytest.mark.parametrize(
    "uid", ["agentsight-overview", "agentsight-tools", "agentsight-models", "agentsight-conversations"]
)
def test_everything_can_be_filtered_by_several_values_or_all(uid: str) -> None:
    variables = {variable["name"]: variable for variable in DASHBOARDS[uid]["templating"]["list"]}
    assert variables["datasource"]["query"] == "grafana-clickhouse-datasource"
    for name in FILTERS:
        assert variables[name]["multi"] and variables[name]["includeAll"], name
        assert variables[name]["allValue"] == "*" and not variables[name]["skipUrlSync"], name
        assert variables[name]["current"]["value"] == ["$__all"], name


def test_the_overview_shows_every_metric() -> None:
    asked = " ".join(sql_of(one) for one in DASHBOARDS["agentsight-overview"]["panels"] if one["type"] != "row")
    for view in METRICS:
        assert f"{view}(" in asked, view


def test_every_figure_leads_to_its_conversations() -> None:
    for uid in ("agentsight-overview", "agentsight-tools", "agentsight-models"):
        for one in DASHBOARDS[uid]["panels"]:
            if one["type"] in ("row", "heatmap", "timeseries") or one["title"] == "Tools used":
                continue  # a cell of an hour and a point of a line have no address
            links = [text for text in texts(one) if text.startswith("/d/agentsight-conversation")]
            assert links, f"{one['title']} leads nowhere"


def test_the_time_zone_is_that_of_grafanas_own_picker() -> None:
    for dashboard in DASHBOARDS.values():
        assert dashboard["timezone"] == "browser"
        assert "timezone" not in {variable["name"] for variable in dashboard["templating"]["list"]}


def test_deployments_mark_every_line_over_time() -> None:
    for uid, dashboard in DASHBOARDS.items():
        has_lines = any(one["type"] == "timeseries" for one in dashboard["panels"])
        marked = "Deployments" in [annotation["name"] for annotation in dashboard["annotations"]["list"]]
        assert marked == has_lines == (uid != "agentsight-conversation"), uid


def test_the_overview_stays_up_to_date() -> None:
    assert DASHBOARDS["agentsight-overview"]["refresh"] == "30s"


def test_a_rise_is_coloured_by_what_it_says() -> None:
    colours = {
        "Messages": ["green", "red"],
        "Satisfaction": ["green", "red"],
        "Escalation rate": ["red", "green"],
        "Response time": ["red", "green"],
        "Duration": ["text", "text"],
    }
    for title, colour in colours.items():
        one = panel("agentsight-overview", title)
        assert not one["options"]["showPercentChange"]  # Grafana's own says ∞ % and 0 % where nothing is known
        (change,) = (o for o in one["fieldConfig"]["overrides"] if o["matcher"]["options"] == "change")
        (mappings,) = (p["value"] for p in change["properties"] if p["id"] == "mappings")
        assert [mapping["options"]["result"]["color"] for mapping in mappings] == colour
