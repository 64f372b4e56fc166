"""What a viewer sees of the panels' data, and where clicks lead: asked of Grafana's own code, @grafana/data."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from agentsight_otel.metrics import FILTERS
from tests.dashboards import seed
from tests.dashboards.conftest import GrafanaUser
from tests.dashboards.npm import installed
from tests.dashboards.reading import DASHBOARDS, all_panels, defaults, panel, sql_of, token, viewer

GRAFANA_DATA = "11.6.0"
LIKE_NUMBERS = ["00123", "+491701234567", "1e5", "0x1F", "1,000.50", " 7 ", "12345678901234567890", "Infinity", "-0"]
NOT_DRAWN_BY_FIELDS = ("row", "traces", "heatmap")


def displayed(asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Grafana's answer for panels with their data."""
    home = installed(
        f"data-{GRAFANA_DATA}", f"@grafana/data@{GRAFANA_DATA}", "react@18.3.1", "react-dom@18.3.1", "rxjs@7.8.1"
    )
    program = (Path(__file__).parent / "display.cjs").read_text()
    (home / "display.cjs").write_text(program)
    done = subprocess.run(
        ["node", "display.cjs"], cwd=home, input=json.dumps(asked), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def given(one: dict[str, Any], variables: dict[str, Any], fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {"panel": one, "variables": variables, "fields": fields}


def kind_of(clickhouse: str) -> str:
    if "DateTime" in clickhouse:
        return "time"
    return "number" if re.search("Int|Float", clickhouse) else "string"


@pytest.fixture(scope="module")
def columns(grafana: GrafanaUser) -> dict[tuple[str, str], dict[str, str]]:
    """The columns of every panel's query, with the kind of field that Grafana makes of them."""
    found = {}
    for uid, title in all_panels():
        if panel(uid, title)["type"] not in NOT_DRAWN_BY_FIELDS:
            answer = grafana.ask(viewer(uid).expand(sql_of(panel(uid, title))))
            found[uid, title] = {name: kind_of(kind) for name, kind in answer.columns.items()}
    return found


def test_a_text_is_shown_as_it_is_and_leads_where_it_says(columns: dict[tuple[str, str], dict[str, str]]) -> None:
    filler: dict[str, list[Any]] = {
        "string": LIKE_NUMBERS,
        "number": [float(n) for n in range(1, len(LIKE_NUMBERS) + 1)],
        "time": [1_700_000_000_000 + n for n in range(len(LIKE_NUMBERS))],
    }
    asked = [
        given(
            panel(uid, title),
            {**defaults(uid), "datasource": "x", "conversation": "00123"},
            [
                {"name": name, "type": kind, "values": filler[kind], "labels": {"tool": "1e5", "service": "00123"}}
                if panel(uid, title)["type"] == "timeseries"
                else {"name": name, "type": kind, "values": filler[kind]}
                for name, kind in kinds.items()
            ],
        )
        for (uid, title), kinds in columns.items()
    ]
    texts = links = 0
    for (uid, title), answer in zip(columns, displayed(asked), strict=True):
        for cell in answer["cells"]:
            if cell["isText"] and panel(uid, title)["type"] != "timeseries":  # there they are labels
                texts += 1
                assert cell["texts"] == LIKE_NUMBERS, (uid, title, cell["name"])
            for row, addresses in enumerate(cell["links"]):
                for address in addresses:
                    links += 1
                    assert "${" not in address and "undefined" not in address, (title, address)
                    for name, values in parse_qs(urlsplit(address).query).items():
                        if name in ("var-conversation", "var-tool", "var-trace") and values != ["00123"]:
                            assert values == [LIKE_NUMBERS[row]], (uid, title, address)
    assert texts > 40 and links > 200


def test_categories_are_named_by_their_text_and_lead_to_their_own_conversations(
    columns: dict[tuple[str, str], dict[str, str]],
) -> None:
    uid = "agentsight-overview"
    values = ["00123", "1e5", seed.HOSTILE.lower(), "a,b", "$__dt"]
    titles = {"Devices": "device", "Sources": "source", "Languages": "language", "Countries": "country"}
    asked = [
        given(
            panel(uid, title),
            {**defaults(uid), "datasource": "x", "service": [token("one,two"), token("three")]},
            [
                {"name": dimension, "type": "string", "values": values},
                {"name": "token", "type": "string", "values": [token(value) for value in values]},
                {"name": "conversations", "type": "number", "values": [5, 4, 3, 2, 1]},
            ],
        )
        for title, dimension in titles.items()
    ]
    for (title, dimension), answer in zip(titles.items(), displayed(asked), strict=True):
        (numbers,) = (cell for cell in answer["cells"] if cell["name"] == "conversations")
        for value, (address,) in zip(values, numbers["links"], strict=True):
            query = parse_qs(urlsplit(address).query, keep_blank_values=True)
            assert query[f"var-{dimension}"] == [token(value)], title
            assert query["var-service"] == [token("one,two"), token("three")], "the other filters stay"
        if answer["shown"]:
            assert [one["title"] for one in answer["shown"]] == values, title


@pytest.mark.parametrize(
    ("uid", "title", "name", "figure", "variable"),
    [
        ("agentsight-tools", "Slowest tools", "tool", "p95_s", "var-tool"),
        ("agentsight-models", "Most calls", "value", "calls", "var-model"),
    ],
)
def test_a_row_of_a_ranking_is_named_by_its_text_and_leads_to_its_own_conversations(
    uid: str, title: str, name: str, figure: str, variable: str
) -> None:
    values = ["00123", "1e5", seed.HOSTILE, "a,b", "$__dt"]
    fields = [
        {"name": name, "type": "string", "values": values},
        {"name": figure, "type": "number", "values": [5, 4, 3, 2, 1]},
    ]
    variables = {**defaults(uid), "datasource": "x", "by": "provider"}
    (answer,) = displayed([given(panel(uid, title), variables, fields)])
    assert [one["title"] for one in answer["shown"]] == values
    for value, one in zip(values, answer["shown"], strict=True):
        (address,) = one["links"]
        query = parse_qs(urlsplit(address).query, keep_blank_values=True)
        assert query[variable] == [value]
        assert query.get("var-by", ["provider"]) == ["provider"]


@pytest.mark.parametrize(
    ("figure", "change", "shown"),
    [(5, "new", ["5", "new"]), (None, "–", ["–", "–"]), (0, "▼ 100 %", ["0", "▼ 100 %"])],
)
def test_a_tile_shows_its_figure_and_its_change(figure: int | None, change: str, shown: list[str]) -> None:
    one = panel("agentsight-overview", "Messages")
    fields = [
        {"name": "figure", "type": "number", "values": [figure]},
        {"name": "change", "type": "string", "values": [change]},
    ]
    (answer,) = displayed([given(one, {**defaults("agentsight-overview"), "datasource": "x"}, fields)])
    assert [value["text"] for value in answer["shown"]] == shown
    if change.startswith("▼"):
        assert answer["shown"][1]["color"] == "#F2495C"  # red: fewer messages


def test_a_line_is_named_by_its_tool() -> None:
    one = panel("agentsight-tools", "Calls over time")
    fields = [
        {"name": "time", "type": "time", "values": [1, 2]},
        {"name": "calls", "type": "number", "values": [1, 0], "labels": {"tool": "00123"}},
    ]
    (answer,) = displayed([given(one, {}, fields)])
    assert [cell["title"] for cell in answer["cells"]] == ["time", "00123"]


def test_every_panel_but_traces_and_heat_maps_is_asked_for(columns: dict[tuple[str, str], dict[str, str]]) -> None:
    assert {uid for uid, _ in columns} == set(DASHBOARDS)
    assert len(FILTERS) == 6
