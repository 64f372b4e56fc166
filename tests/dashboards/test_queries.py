"""Every query of the dashboards is carried out for Grafana's user, gives what its visualisation needs, and nothing that
a viewer chooses or types reaches ClickHouse as anything but a value."""

import re
from typing import Any

import pytest

from agentsight_otel.clickhouse import catalogue
from agentsight_otel.metrics import FILTERS
from tests.dashboards import seed
from tests.dashboards.conftest import GrafanaUser
from tests.dashboards.expanding import Viewer
from tests.dashboards.reading import DASHBOARDS, all_panels, defaults, option, panel, sql_of, token, viewer

VIEWS = {
    *catalogue.BY_VIEW,
    "conversations_v",
    "messages_v",
    "tool_calls_v",
    "feedback_v",
    "conversations_in_window",
    "conversations_behind",
} | {
    *("filter_values", "deployments_v", "tool_usage_over_time", "failed_tool_calls"),
    *("model_usage", "model_usage_by"),
    *("conversations_over_time", "response_time_over_time", "feedback_over_time"),
    *("pipeline_ingest", "pipeline_duplicates", "pipeline_storage", "pipeline_left_out", "pipeline_clocks"),
    *("pipeline_resolved", "pipeline_derived"),
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
    if title not in MAY_BE_EMPTY:
        assert answer.rows, "a panel that shows nothing tests nothing"
    named = {o["matcher"]["options"] for o in one["fieldConfig"]["overrides"] if o["matcher"]["id"] == "byName"}
    if one["type"] != "table" or title != "Conversation":
        assert named <= set(answer.columns), "options for fields that the query does not give"


MAY_BE_EMPTY = {"Slowest panels", "Clocks"}
"""Nobody has asked yet; no service has called another."""


def _stat(one: dict[str, Any], columns: dict[str, str]) -> None:
    if one["options"]["reduceOptions"]["fields"]:
        assert list(columns) == ["figure", "change"] and columns["change"] == "String"
        columns = {"figure": columns["figure"]}
    assert columns and all(NUMBER.fullmatch(kind) for kind in columns.values())


def _categories(one: dict[str, Any], columns: dict[str, str]) -> None:
    if one["options"]["reduceOptions"]["values"]:
        name, *token, number = columns.values()
        assert TEXT.fullmatch(name) and NUMBER.fullmatch(number)
        if token:  # a second text, so that the number says which of them names it
            assert list(columns)[1:-1] == ["token"]
            names = [p for o in one["fieldConfig"]["overrides"] for p in o["properties"] if p["id"] == "displayName"]
            assert names == [{"id": "displayName", "value": f"${{__data.fields.{next(iter(columns))}}}"}]
    else:
        assert all(NUMBER.fullmatch(kind) for kind in columns.values())


def _bars(one: dict[str, Any], columns: dict[str, str]) -> None:
    assert TEXT.fullmatch(columns[one["options"]["xField"]])
    of_links = {"first_ms", "last_ms"}
    assert all(TEXT.fullmatch(columns[name]) for name in of_links), "numbers would be drawn as bars"
    assert all(NUMBER.fullmatch(columns[name]) for name in set(columns) - of_links - {one["options"]["xField"]})


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
    assert list(columns) == ["alpha_3", "country", "token", "conversations"]
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
    logs = "Array(Tuple(name String, timestamp Float64, fields Array(Map(String, String))))"
    assert re.sub(r"\s", "", columns["logs"]) == re.sub(r"\s", "", logs)
    assert columns["references"].startswith("Array(Tuple(")
    assert TEXT.fullmatch(columns["kind"]) and TEXT.fullmatch(columns["statusMessage"])


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
        # Not the FROM of trim() and of WITH FILL.
        read = set(re.findall(r"\b(?:FROM|JOIN)\s+(?!decodeURLComponent|toDateTime)([a-z_.]+)", sql)) - {"listed"}
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
            assert len(answer.columns) == 1, "the data source takes one column"
            (column,) = answer.columns
            options = [option(variable, one) for one in answer.values(column)]
            assert all(value == token(text) and not set(value) & set("$,{}'") for value, text in options)
            listed[variable["name"]] = [text for _, text in options]
    if not listed:
        return
    assert list(listed) == list(FILTERS)
    assert set(listed["service"]) == {"agent-a", "agent-b"}
    assert set(listed["device"]) == {"mobile", "desktop", "unknown", seed.HOSTILE.lower()}
    assert set(listed["language"]) == {"en", "el", "unknown"}
    assert set(listed["country"]) == {"GR", "US", "BR", "XX", "unknown"}


HOSTILE_CHOICES = (
    ["$__all"],
    ["*"],
    ["All"],
    [seed.HOSTILE.lower()],
    [seed.HOSTILE.lower(), "mobile"],
    ["'"],
    ["\\"],
    ["\\'"],
    ["') UNION ALL SELECT 1 --", "x', 'y"],
    ["a%2Cb", "%", "%zz", "+", "&var-device=mobile"],
    ["$__dt", "$__timeFilter(x)", "${device}", "00123", "{a,b}", "/* c */", "line\nbreak"],
)
_DEVICES = panel("agentsight-overview", "Devices")
_CHOSEN = re.search(r"trim\(\S+ \S+ FROM \S*device:.*? AS chosen_device(?=,|\n)", sql_of(_DEVICES))


@pytest.mark.parametrize("choice", HOSTILE_CHOICES, ids=range(len(HOSTILE_CHOICES)))
def test_a_choice_of_devices_is_a_list_of_values_whatever_they_are(grafana: GrafanaUser, choice: list[str]) -> None:
    assert _CHOSEN
    expanded = viewer("agentsight-overview", device=choice).expand(f"WITH {_CHOSEN[0]} SELECT chosen_device")
    assert grafana.ask(expanded).values("chosen_device") == [[] if choice in (["$__all"], ["*"]) else choice]


@pytest.mark.parametrize("held", ["$__all", "*", "mobile", ["mobile"], []])
def test_a_value_may_come_alone_as_well_as_in_a_list(grafana: GrafanaUser, held: Any) -> None:
    assert _CHOSEN
    asked = Viewer(0, 1, {"device": held}).expand(f"WITH {_CHOSEN[0]} SELECT chosen_device")
    assert grafana.ask(asked).values("chosen_device") == [["mobile"] if "mobile" in held else []]


@pytest.mark.parametrize(("uid", "title"), all_panels())
def test_no_value_reaches_the_macros(grafana: GrafanaUser, uid: str, title: str) -> None:
    macro = "$__timeFilter(x) $__dt $__fromTime"
    chosen = {name: [macro] if name in FILTERS else macro for name in defaults(uid)}
    grafana.ask(viewer(uid, **chosen).expand(sql_of(panel(uid, title))))


@pytest.mark.parametrize("uid", [uid for uid in DASHBOARDS if uid != "agentsight-conversation"])
def test_no_value_reaches_the_macros_of_what_marks_deployments(grafana: GrafanaUser, uid: str) -> None:
    macro = "$__timeFilter(x) $__dt $__fromTime"
    chosen = {name: [macro, "agent-a"] if name in FILTERS else macro for name in defaults(uid)}
    answer = grafana.ask(viewer(uid, **chosen).expand(_marks(uid)))
    # No environment is called that; only the pipeline's marks are not filtered.
    assert bool(answer.rows) == (uid == "agentsight-pipeline")


def _marks(uid: str) -> str:
    """The query of the dashboard's annotation."""
    (asked,) = (
        annotation["target"]["rawSql"]
        for annotation in DASHBOARDS[uid]["annotations"]["list"]
        if annotation["name"] == "Deployments"
    )
    return str(asked)


def test_a_great_many_values_may_be_chosen(grafana: GrafanaUser) -> None:
    chosen = {name: [f"{name} number {n:05d}" for n in range(1_000)] for name in FILTERS}
    assert sum(len(value) for values in chosen.values() for value in values) > 120_000
    for title in ("Devices", "Counts", "Escalation rate"):
        grafana.ask(viewer("agentsight-overview", **chosen).expand(sql_of(panel("agentsight-overview", title))))


TEXTS = (
    *("conversation", "it's", "\\", "' OR ''='", "\\' OR 1=1 --", "100%", "{x:String}", '`"', "é😀", "&var-search=x"),
    *("$__timeFilter(x)", "${search}", "a,b", "%24", "+30 210 1234567"),
)


TYPED = [
    (uid, variable["name"])
    for uid, dashboard in DASHBOARDS.items()
    for variable in dashboard["templating"]["list"]
    if variable["hide"] == 0 and (variable["type"] == "textbox" or variable["name"] in ("show", "peak_hours_of", "by"))
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
        rf"decodeURLComponent\('\$\{{{name}:percentencode\}}'\)",
        " ".join(sql_of(one) for one in DASHBOARDS[uid]["panels"] if one["type"] != "row"),
    )
    assert found, (uid, name)
    return found[0]


@pytest.mark.parametrize("uid", [uid for uid in DASHBOARDS if uid != "agentsight-conversation"])
def test_deployments_are_marked(grafana: GrafanaUser, uid: str) -> None:
    asked = _marks(uid)
    answer = grafana.ask(viewer(uid).expand(asked))
    assert list(answer.columns) == ["time", "text", "tags"]
    assert TIME.fullmatch(answer.columns["time"])
    # Version 1 came before the window.
    assert sorted(answer.values("text")) == ["agent-a 2", "agent-b 2"]
    assert set(answer.values("tags")) == {"production"}
    if uid != "agentsight-pipeline":
        only = grafana.ask(viewer(uid, service=["agent-a"]).expand(asked))
        assert only.values("text") == ["agent-a 2"]
