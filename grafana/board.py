"""A dashboard: variables, annotations, links, and panels laid out in rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from agentsight_otel.catalogue import FILTER_LABELS
from grafana import sql
from grafana.panels import DATASOURCE, Json, Panel, target

TAG = "agentsight"
_COLUMNS = 24
_SCHEMA_VERSION = 39  # of Grafana 11.0; newer versions of Grafana bring it up to theirs
_ZONES = (
    "UTC",
    "America/Los_Angeles",
    "America/New_York",
    "America/Sao_Paulo",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Athens",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Asia/Singapore",
    "Asia/Tokyo",
    "Australia/Sydney",
)


@dataclass(frozen=True)
class Section:
    """Panels under a heading.

    Attributes:
        title: The heading; '' for none.
        panels: Placed from left to right, and below where there is no room.
    """

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Dashboard:
    """A dashboard.

    Attributes:
        uid: Its id in every Grafana, and the name of its file.
        title: For people.
        description: What it is for.
        sections: From top to bottom.
        variables: Beside the data source.
        last: The time range it opens with, as Grafana writes it.
        refresh: How often it asks again; '' for never.
    """

    uid: str
    title: str
    description: str
    sections: Sequence[Section]
    variables: Sequence[Json] = ()
    last: str = "now-7d"
    refresh: str = ""

    def as_json(self) -> Json:
        """As Grafana imports it."""
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
            "annotations": {"list": [_grafanas_own_annotations(), _deployments()]},
            "templating": {"list": [_datasource(), *self.variables]},
            "panels": self._placed(),
        }

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


def filters() -> list[Json]:
    """The variables that every view is filtered by: several values or All, listed by how often they occur."""
    return [
        {
            "type": "query",
            "name": name,
            "label": label,
            "datasource": DATASOURCE,
            "query": f"SELECT value FROM {sql.call_unfiltered('filter_values')}"
            f" WHERE filter = '{name}' ORDER BY conversations DESC, value",
            "refresh": 2,  # when the time range changes
            "regex": "",
            "sort": 0,
            "multi": True,
            "includeAll": True,
            # Short, where every option would be listed; the queries take it for no filter.
            "allValue": "All",
            "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
            "options": [],
            "hide": 0,
            "skipUrlSync": False,
        }
        for name, label in FILTER_LABELS.items()
    ]


def timezone() -> Json:
    """The variable that decides what a day and an hour are; its first choice is the dashboard's own zone."""
    return choice("timezone", "Time zone", {"Dashboard": "${__timezone}", **{zone: zone for zone in _ZONES}})


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


def text_box(name: str, label: str) -> Json:
    """A variable to type into."""
    empty = {"selected": True, "text": "", "value": ""}
    return {
        "type": "textbox",
        "name": name,
        "label": label,
        "query": "",
        "current": empty,
        "options": [empty],
        "hide": 0,
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


def _deployments() -> Json:
    return {
        "name": "Deployments",
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": "purple",
        "target": target(
            "/* agentsight: annotations / Deployments */\n"
            "SELECT first_seen_at AS time, concat(service, ' ', version) AS text, environment AS tags\n"
            f"FROM deployments_v\nWHERE toUnixTimestamp64Milli(first_seen_at) BETWEEN {sql.FROM} AND {sql.TO}\n"
            "ORDER BY time"
        ),
    }
