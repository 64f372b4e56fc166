"""The committed dashboards, read as Grafana reads them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from agentsight_otel.metrics import FILTERS
from tests.dashboards import seed
from tests.dashboards.expanding import Value, Viewer, percent_encoded

FOLDER = Path(__file__).resolve().parents[2] / "grafana"
DASHBOARDS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text()) for path in sorted((FOLDER / "dashboards").glob("*.json"))
}
ALERTING: dict[str, Any] = yaml.safe_load((FOLDER / "provisioning" / "alerting" / "agentsight.yaml").read_text())


def panels(uid: str) -> Iterator[dict[str, Any]]:
    """Those that ask something."""
    return (panel for panel in DASHBOARDS[uid]["panels"] if panel["type"] != "row")


def panel(uid: str, title: str) -> dict[str, Any]:
    (found,) = (one for one in panels(uid) if one["title"] == title)
    return found


def sql_of(one: dict[str, Any]) -> str:
    (target,) = one["targets"]
    return str(target["rawSql"])


def all_panels() -> list[tuple[str, str]]:
    return [(uid, one["title"]) for uid in DASHBOARDS for one in panels(uid)]


def defaults(uid: str) -> dict[str, Value]:
    """The variables' values when the dashboard is opened."""
    variables: dict[str, Value] = {}
    for variable in DASHBOARDS[uid]["templating"]["list"]:
        if variable["type"] != "datasource":
            variables[variable["name"]] = variable["current"]["value"]
    return variables


def token(value: str) -> str:
    """A filter's value as its variable holds it."""
    return value if value in ("$__all", "*") else percent_encoded(value)


def option(variable: dict[str, Any], listed: str) -> tuple[str, str]:
    """Value and text that Grafana makes of a row of a variable's query."""
    expression = variable["regex"].removeprefix("/").removesuffix("/").replace("(?<", "(?P<")
    found = re.fullmatch(expression, listed)
    assert found, (variable["regex"], listed)
    return found["value"], found["text"]


def viewer(uid: str, *, dashboards_zone: str = "utc", **chosen: Value) -> Viewer:
    """Someone who looks at the seeded window and has chosen some values."""
    variables = defaults(uid)
    assert set(chosen) <= set(variables), f"{uid} has no variables {set(chosen) - set(variables)}"
    held = {
        name: [token(one) for one in value] if name in FILTERS and isinstance(value, list) else value
        for name, value in chosen.items()
    }
    return Viewer(seed.START_MS, seed.END_MS, {**variables, **held}, dashboards_zone)


def filters_of(chosen: dict[str, Value]) -> dict[str, list[str]]:
    """The same choice, for ``metrics.Window``."""
    return {name: list(value) for name, value in chosen.items() if name in FILTERS}
