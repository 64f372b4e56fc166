"""A dashboard: variables, annotations, links, and panels laid out in rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from agentsight_otel.clickhouse.catalogue import FILTER_LABELS
from grafana import sql
from grafana.panels import DATASOURCE, Json, Panel, target

TAG = "agentsight"
_COLUMNS = 24
_SCHEMA_VERSION = 39  # of Grafana 11.0; newer versions of Grafana bring it up to theirs


@dataclass(frozen=True)
class Section:
    """Panels under a heading.

    Attributes:
        title: The heading; '' for none.
        panels: The panels, placed from left to right, and in the next row where there is no room.
    """

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Dashboard:
    """A dashboard.

    Attributes:
        uid: The dashboard's id in every Grafana, and the name of its file.
        title: The dashboard's title.
        description: A sentence that says what it shows.
        sections: The sections from top to bottom.
        variables: The variables besides the data source.
        last: The time range with which it opens, in Grafana's notation.
        refresh: How often its panels are refreshed, in Grafana's notation; '' for never.
    """

    uid: str
    title: str
    description: str
    sections: Sequence[Section]
    variables: Sequence[Json] = ()
    last: str = "now-7d"
    refresh: str = ""

    def as_json(self) -> Json:
        """The dashboard in the format that Grafana imports."""
        return {
            "uid": self.uid,
            "title": f"AgentSight: {self.title}",
            "description": self.description,
            "tags": [TAG],
            "schemaVersion": _SCHEMA_VERSION,
            "version": 1,
            "editable": True,
            "graphTooltip": 1,
            "liveNow": False,
            "fiscalYearStartMonth": 0,
            "timezone": "browser",
            "weekStart": "",
            "time": {"from": self.last, "to": "now"},
            "timepicker": {},
            "refresh": self.refresh,
            "links": [_links_between_dashboards()],
            "annotations": {"list": self._annotations()},
            "templating": {"list": [_datasource(), *self.variables]},
            "panels": self._placed(),
        }

    def _annotations(self) -> list[Json]:
        """Annotations: Grafana's own, and deployments on dashboards that have panels over time."""
        marked = any(panel.kind == "timeseries" for section in self.sections for panel in section.panels)
        return [_grafanas_own_annotations(), *([_deployments(self._is_filtered())] if marked else [])]

    def _is_filtered(self) -> bool:
        return any(variable["name"] == "service" and not variable["hide"] for variable in self.variables)

    def _placed(self) -> list[Json]:
        placed: list[Json] = []
        top = 0
        for section in self.sections:
            if section.title:
                place = {"x": 0, "y": top, "w": _COLUMNS, "h": 1}
                row = {"id": len(placed) + 1, "type": "row", "title": section.title, "gridPos": place}
                placed.append({**row, "collapsed": False, "panels": []})
                top += 1
            left, bottom = 0, top
            for panel in section.panels:
                if left + panel.width > _COLUMNS:
                    left, top = 0, bottom
                placed.append(panel.as_json(len(placed) + 1, left, top, self.title))
                left += panel.width
                bottom = max(bottom, top + panel.height)
            top = bottom
        return placed


def filters(*, hide: bool = False) -> list[Json]:
    """The variables of the filters: each takes several values or All; values are listed by how often they occur.

    The variables' values are percent-encoded, see ``grafana.sql``; their texts are the values themselves.

    Args:
        hide: Whether they are hidden, on a dashboard that is not filtered, but passes the filters to the next one.
    """
    return [
        {
            "type": "query",
            "name": name,
            "label": label,
            "datasource": DATASOURCE,
            # One column, because the data source takes no more; the regular expression splits it into value and text.
            "query": f"SELECT concat({sql.token('value')}, '|', value) FROM {sql.call_unfiltered('filter_values')}"
            f" WHERE filter = '{name}' ORDER BY conversations DESC, value",
            "refresh": 2,  # when the time range changes
            "regex": r"/^(?<value>[^|]*)\|(?<text>[\s\S]*)$/",
            "sort": 0,
            "multi": True,
            "includeAll": True,
            "allValue": sql.ALL,
            "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
            "options": [],
            "hide": _HIDDEN if hide else 0,
            "skipUrlSync": False,
        }
        for name, label in FILTER_LABELS.items()
    ]


_HIDDEN = 2


def choice(name: str, label: str, values: dict[str, str]) -> Json:
    """A variable with one of a few values, by their labels; the first is the default."""
    first = next(iter(values))
    return {
        "type": "custom",
        "name": name,
        "label": label,
        "query": ",".join(text if text == value else f"{text} : {value}" for text, value in values.items()),
        "multi": False,
        "includeAll": False,
        "current": {"selected": True, "text": first, "value": values[first]},
        "options": [{"selected": text == first, "text": text, "value": value} for text, value in values.items()],
        "hide": 0,
        "skipUrlSync": False,
    }


def text_box(name: str, label: str, *, hide: bool = False) -> Json:
    """A variable with a text box, or a hidden one that links pass on."""
    empty = {"selected": True, "text": "", "value": ""}
    return {
        "type": "textbox",
        "name": name,
        "label": label,
        "query": "",
        "current": empty,
        "options": [empty],
        "hide": _HIDDEN if hide else 0,
        "skipUrlSync": False,
    }


def _datasource() -> Json:
    return {
        "type": "datasource",
        "name": "datasource",
        "label": "Data source",
        "query": DATASOURCE["type"],
        "regex": "",
        "refresh": 1,
        "multi": False,
        "includeAll": False,
        "current": {},
        "options": [],
        "hide": 0,
        "skipUrlSync": False,
    }


def _links_between_dashboards() -> Json:
    return {
        "type": "dashboards",
        "title": "AgentSight",
        "tags": [TAG],
        "icon": "external link",
        "tooltip": "",
        "url": "",
        "asDropdown": False,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
    }


def _grafanas_own_annotations() -> Json:
    return {
        "builtIn": 1,
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        "enable": True,
        "hide": True,
        "iconColor": "rgba(0, 211, 255, 1)",
        "name": "Annotations & Alerts",
        "type": "dashboard",
    }


def _deployments(filtered: bool) -> Json:
    chosen = "".join(
        f"\n    AND (empty({sql.list_of(name)}) OR has({sql.list_of(name)}, {name}))"
        for name in (("service", "environment") if filtered else ())
    )
    return {
        "name": "Deployments",
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": "purple",
        "target": target(
            sql.signed(
                "annotations / Deployments",
                "SELECT first_seen_at AS time, concat(service, ' ', version) AS text, environment AS tags\n"
                f"FROM deployments_v\nWHERE first_seen_at BETWEEN $__fromTime_ms AND $__toTime_ms{chosen}\n"
                "ORDER BY time",
            )
        ),
    }
