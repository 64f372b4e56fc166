"""The dashboards hold to Grafana's own schema: the TypeScript types of @grafana/schema, oldest and newest.

The compiler refuses an option that a panel does not have, and a value that it does not know. What it cannot know: the
queries, which are the data source's, the layers of maps, and the trace view, for which Grafana publishes no types.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.dashboards.npm import installed
from tests.dashboards.reading import DASHBOARDS

TYPESCRIPT = "5.9.3"
# What Grafana calls the types of a panel's options, by the panel's type.
PANELS = {
    "barchart": "BarChart",
    "bargauge": "BarGauge",
    "geomap": "Geomap",
    "heatmap": "Heatmap",
    "piechart": "PieChart",
    "stat": "Stat",
    "table": "Table",
    "timeseries": "TimeSeries",
}
WITH_FIELD_OPTIONS = ("barchart", "heatmap", "piechart", "table", "timeseries")
# As JSON writes it: an enum is one of its texts, and what is left out takes its default.
AS_JSON = """
type AsJson<T> = 0 extends 1 & T ? T
    : T extends string ? `${T}`
    : T extends (infer U)[] ? AsJson<U>[]
    : T extends object ? { [K in keyof T]?: AsJson<T[K]> }
    : T;
"""


def compiled(version: str, program: str, tmp_path: Path) -> list[str]:
    """The compiler's complaints about a program that imports @grafana/schema."""
    home = installed(f"schema-{version}-{TYPESCRIPT}", f"@grafana/schema@{version}", f"typescript@{TYPESCRIPT}")
    (tmp_path / "node_modules").symlink_to(home / "node_modules")
    (tmp_path / "dashboards.ts").write_text(program, encoding="utf-8")
    done = subprocess.run(
        [
            *("node", str(home / "node_modules" / "typescript" / "lib" / "tsc.js"), "--noEmit", "--strict"),
            *("--skipLibCheck", "--module", "esnext", "--moduleResolution", "bundler", "--pretty", "false"),
            "dashboards.ts",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return [line for line in done.stdout.splitlines() if line.strip()]


def program(dashboards: dict[str, dict[str, Any]]) -> str:
    lines = ["import type { Dashboard, Panel, RowPanel } from '@grafana/schema';", AS_JSON]
    for kind, name in PANELS.items():
        module = f"@grafana/schema/dist/esm/raw/composable/{kind}/panelcfg/x/{name}PanelCfg_types.gen"
        lines.append(f"import type * as {name} from '{module}';")
    number = 0

    def check(type_name: str, value: Any) -> None:
        nonlocal number
        number += 1
        lines.append(f"const checked{number}: AsJson<{type_name}> = {json.dumps(value)};")

    for dashboard in dashboards.values():
        annotations = {
            "list": [
                # The schema knows annotations of Grafana's own data source only.
                {key: value for key, value in annotation.items() if key != "target"}
                for annotation in dashboard["annotations"]["list"]
            ]
        }
        check("Dashboard", {**dashboard, "panels": [], "annotations": annotations})
        for panel in dashboard["panels"]:
            check("RowPanel" if panel["type"] == "row" else "Panel", panel)
            if panel["type"] in PANELS:
                check(f"{PANELS[panel['type']]}.Options", panel["options"])
            if panel["type"] in WITH_FIELD_OPTIONS:
                check(f"{PANELS[panel['type']]}.FieldConfig", panel["fieldConfig"]["defaults"].get("custom", {}))
                for override in panel["fieldConfig"]["overrides"]:
                    custom = {
                        item["id"].removeprefix("custom."): item["value"]
                        for item in override["properties"]
                        if item["id"].startswith("custom.")
                    }
                    check(f"{PANELS[panel['type']]}.FieldConfig", custom)
    return "\n".join(lines) + "\n"


def migrated(dashboards: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """As Grafana 12.2 and newer change tables when they read them: wrapping moved from the cell to the field."""
    copy: dict[str, dict[str, Any]] = json.loads(json.dumps(dashboards))
    for dashboard in copy.values():
        for panel in dashboard["panels"]:
            for override in panel.get("fieldConfig", {}).get("overrides", []):
                for item in list(override["properties"]):
                    if item["id"] == "custom.cellOptions" and item["value"].pop("wrapText", None):
                        override["properties"].append({"id": "custom.wrapText", "value": True})
    return copy


def test_the_dashboards_hold_to_the_schema_of_grafana_11(tmp_path: Path) -> None:
    assert compiled("11.1.0", program(DASHBOARDS), tmp_path) == []


def test_the_dashboards_hold_to_the_schema_of_the_newest_grafana(tmp_path: Path) -> None:
    assert compiled("13.2.3", program(migrated(DASHBOARDS)), tmp_path) == []


def test_the_schema_refuses_what_is_not_in_it(tmp_path: Path) -> None:
    broken = json.loads(json.dumps(DASHBOARDS["agentsight-overview"]))
    first, second, third, *_ = (panel for panel in broken["panels"] if panel["type"] == "stat")
    first["options"]["colourMode"] = "value"
    second["options"]["graphMode"] = "sparkles"
    third["titel"] = "Messages"
    complaints = compiled("11.1.0", program({"broken": broken}), tmp_path)
    assert len(complaints) == 3
    for complaint, word in zip(complaints, ("colourMode", "sparkles", "titel"), strict=True):
        assert word in complaint
