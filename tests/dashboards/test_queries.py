"""Every query of the dashboards is carried out for Grafana's user, gives what its visualisation needs, and nothing that
a viewer chooses or types reaches ClickHouse as anything but a value."""

import re
from typing import Any

import pytest

from agentsight_otel import catalogue
from agentsight_otel.metrics import FILTERS
from tests.dashboards import seed
from tests.dashboards.conftest import GrafanaUser
from tests.dashboards.reading import DASHBOARDS, all_panels, panel, sql_of, viewer

VIEWS = {
    *catalogue.BY_VIEW,
    "conversations_v",
    "messages_v",
    "tool_calls_v",
    "feedback_v",
    "conversations_in_window",
} | {
    *("filter_values", "deployments_v", "tool_usage_over_time", "failed_tool_calls"),
    *("pipeline_ingest", "pipeline_duplicates", "pipeline_storage"),
}
NUMBER = re.compile(r"(Nullable\()?(U?Int\d+|Float\d+)\)?")
TEXT = re.compile(r"(LowCardinality\()?(Nullable\()?String\)*")
TIME = re.compile(r"DateTime(64)?\b.*")


@pytest.mark.parametrize(("uid", "title"), all_panels())
def test_a_panel_is_given_the_columns_that_it_needs(grafana: GrafanaUser, uid: str, title: str) -> None:
    one = panel(uid, title)
    chosen = {"conversation": seed.conversation_id(1)} if uid == "agentsight-conversation" else {}
    answer = grafana.ask(viewer(uid, **chosen).expand(sql_of(one)))
    NEEDS[one["type"]](one, answer.columns)
    if title not in EMPTY_UNTIL_ASKED:
        assert answer.rows, "a panel that shows nothing tests nothing"
    named = {o["matcher"]["options"] for o in one["fieldConfig"]["overrides"]}
    if one["type"] != "table" or title != "Conversation":
        assert named <= set(answer.columns), "options for fields that the query does not give"


EMPTY_UNTIL_ASKED = {"Slowest panels"}


def _stat(one: dict[str, Any], columns: dict[str, str]) -> None:
    if one["options"]["showPercentChange"]:
        assert list(columns) == ["period", "figure"]
        columns = {"figure": columns["figure"]}
    assert columns and all(NUMBER.fullmatch(kind) for kind in columns.values())


def _categories(one: dict[str, Any], columns: dict[str, str]) -> None:
    if one["options"]["reduceOptions"]["values"]:
        name, number = columns.values()
        assert TEXT.fullmatch(name) and NUMBER.fullmatch(number)
    else:
        assert all(NUMBER.fullmatch(kind) for kind in columns.values())


def _bars(one: dict[str, Any], columns: dict[str, str]) -> None:
    assert TEXT.fullmatch(columns[one["options"]["xField"]])
    assert all(NUMBER.fullmatch(kind) for name, kind in columns.items() if name != one["options"]["xField"])


def _lines(one: dict[str, Any], columns: dict[str, str]) -> None:
    assert one["targets"][0]["format"] == 0
    time, *others = columns.items()
    assert time[0] == "time" and TIME.fullmatch(time[1])
    assert any(NUMBER.fullmatch(kind) for _, kind in others)
    assert all(NUMBER.fullmatch(kind) or TEXT.fullmatch(kind) for _, kind in others)


def _heat_map(one: dict[str, Any], columns: dict[str, str]) -> None:
    assert list(columns) == ["hour", *catalogue.WEEKDAYS]
    assert all(NUMBER.fullmatch(kind) for kind in columns.values())
    assert one["options"]["calculate"] is False


def _map(one: dict[str, Any], columns: dict[str, str]) -> None:
    assert list(columns) == ["alpha_3", "country", "conversations"]
    colouring, marking = one["options"]["layers"]
    assert colouring["config"]["idField"] == "alpha_3"
    assert colouring["config"]["dataStyle"]["color"]["field"] == "conversations"
    assert marking["location"]["lookup"] == "country"


def _table(one: dict[str, Any], columns: dict[str, str]) -> None:
    assert not [kind for kind in columns.values() if re.search(r"^Map|^Tuple|AggregateFunction", kind)]


def _traces(one: dict[str, Any], columns: dict[str, str]) -> None:
    assert one["targets"][0]["format"] == 3
    for name in ("traceID", "spanID", "parentSpanID", "operationName", "serviceName"):
        assert TEXT.fullmatch(columns[name]), name
    assert columns["startTime"] == columns["duration"] == "Float64"
    assert columns["tags"] == columns["serviceTags"] == "Array(Map(String, String))"


NEEDS = {
    "stat": _stat,
    "piechart": _categories,
    "bargauge": _categories,
    "barchart": _bars,
    "timeseries": _lines,
    "heatmap": _heat_map,
    "geomap": _map,
    "table": _table,
    "traces": _traces,
}


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_panels_read_metric_and_grain_views_and_only_the_trace_view_reads_spans(uid: str) -> None:
    for one in DASHBOARDS[uid]["panels"]:
        if one["type"] == "row":
            continue
        sql = sql_of(one)
        read = set(re.findall(r"\b(?:FROM|JOIN)\s+([a-z_.]+)", sql)) - {"listed"}
        if one["type"] == "traces":
            assert read == {"otel_traces"}
        elif uid == "agentsight-pipeline":
            assert read <= VIEWS | {"system.query_log", "system.disks"}, one["title"]
        else:
            assert read <= VIEWS, one["title"]


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_a_variable_lists_the_values_that_there_are(grafana: GrafanaUser, uid: str) -> None:
    listed = {}
    for variable in DASHBOARDS[uid]["templating"]["list"]:
        if variable["type"] == "query":
            answer = grafana.ask(viewer(uid).expand(variable["query"]))
            assert list(answer.columns) == ["value"]
            listed[variable["name"]] = answer.values("value")
    if not listed:
        return
    assert list(listed) == list(FILTERS)
    assert set(listed["service"]) == {"agent-a", "agent-b"}
    assert set(listed["device"]) == {"mobile", "desktop", "unknown", seed.HOSTILE.lower()}
    assert set(listed["language"]) == {"en", "el", "unknown"}
    assert set(listed["country"]) == {"GR", "US", "BR", "XX", "unknown"}


HOSTILE_CHOICES = (
    ["$__all"],
    ["All"],
    [seed.HOSTILE.lower()],
    [seed.HOSTILE.lower(), "mobile"],
    ["'"],
    ["\\"],
    ["\\'"],
    ["') UNION ALL SELECT 1 --", "x', 'y"],
    ["a%2Cb", "%", "%zz", "+", "&var-device=mobile"],
    [""],
)


@pytest.mark.parametrize("choice", HOSTILE_CHOICES, ids=range(len(HOSTILE_CHOICES)))
def test_a_choice_of_devices_is_a_list_of_values_whatever_they_are(grafana: GrafanaUser, choice: list[str]) -> None:
    asked = re.search(r"device=(\(SELECT .*?\)\)\)\))", sql_of(panel("agentsight-overview", "Devices")), re.DOTALL)
    assert asked
    expanded = viewer("agentsight-overview", device=choice).expand(f"SELECT {asked[1]} AS chosen")
    assert grafana.ask(expanded).values("chosen") == [[] if choice in (["$__all"], ["All"]) else choice]


TEXTS = ("conversation", "it's", "\\", "' OR ''='", "\\' OR 1=1 --", "100%", "{x:String}", '`"', "é😀", "&var-search=x")


TYPED = [
    (uid, variable["name"])
    for uid, dashboard in DASHBOARDS.items()
    for variable in dashboard["templating"]["list"]
    if variable["type"] == "textbox" or variable["name"] in ("show", "peak_hours_of")
]


@pytest.mark.parametrize(("uid", "name"), TYPED)
def test_whatever_is_typed_or_put_into_the_address_is_a_text(grafana: GrafanaUser, uid: str, name: str) -> None:
    for text in TEXTS:
        asked = viewer(uid, **{name: text}).expand(f"SELECT {_text_of(uid, name)} AS typed")
        assert grafana.ask(asked).values("typed") == [text]
    for one in DASHBOARDS[uid]["panels"]:
        if one["type"] != "row" and f"${{{name}:" in sql_of(one):
            grafana.ask(viewer(uid, **{name: "\\' OR 1=1 -- `\" {x:String} 100% é"}).expand(sql_of(one)))


def _text_of(uid: str, name: str) -> str:
    found = re.search(
        rf"decodeURLComponent\(extract\('\$\{{{name}:queryparam\}}', '[^']*'\)\)",
        " ".join(sql_of(one) for one in DASHBOARDS[uid]["panels"] if one["type"] != "row"),
    )
    assert found, (uid, name)
    return found[0]


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_deployments_are_marked(grafana: GrafanaUser, uid: str) -> None:
    (asked,) = (
        annotation["target"]["rawSql"]
        for annotation in DASHBOARDS[uid]["annotations"]["list"]
        if annotation["name"] == "Deployments"
    )
    answer = grafana.ask(viewer(uid).expand(asked))
    assert list(answer.columns) == ["time", "text", "tags"]
    assert TIME.fullmatch(answer.columns["time"])
    # Version 1 came before the window.
    assert sorted(answer.values("text")) == ["agent-a 2", "agent-b 2"]
    assert set(answer.values("tags")) == {"production"}
