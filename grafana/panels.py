"""Panels: one function per visualisation, each with the options that its kind of data needs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agentsight_otel.catalogue import Column, Direction, Metric, Unit

Json = dict[str, Any]

DATASOURCE: Json = {"type": "grafana-clickhouse-datasource", "uid": "${datasource}"}
"""The data source that the dashboard's variable chooses."""

TIME_SERIES, TABLE, TRACES = 0, 1, 3
"""The data source's formats: of several label columns one series each; rows as they are; spans."""

_QUERY_TYPES = {TIME_SERIES: "timeseries", TABLE: "table", TRACES: "traces"}
_UNITS = {Unit.COUNT: "locale", Unit.SECONDS: "s", Unit.RATIO: "percentunit"}
_CHANGE_COLOURS = {
    Direction.UP_IS_GOOD: "standard",
    Direction.UP_IS_BAD: "inverted",
    Direction.NEUTRAL: "same_as_value",
}

Threshold = tuple[float | None, str]


@dataclass(frozen=True)
class Panel:
    """A panel before it has its place.

    Attributes:
        kind: Grafana's id of the visualisation.
        title: For people.
        description: What exactly is shown.
        sql: What is asked for; '' for a panel without data.
        format: How the data source hands it over.
        width: Of 24.
        height: In grid units of 30 pixels.
        defaults: Field options of every field: unit, thresholds, text where there is no data.
        options: The visualisation's options.
        overrides: Field options of some fields.
    """

    kind: str
    title: str
    description: str
    sql: str
    width: int
    height: int
    options: Json
    defaults: Json
    format: int = TABLE
    overrides: Sequence[Json] = field(default_factory=tuple)

    def with_overrides(self, overrides: Iterable[Json]) -> "Panel":
        """The same panel with options for some of its fields."""
        return replace(self, overrides=tuple(overrides))

    def as_json(self, panel_id: int, x: int, y: int, dashboard: str) -> Json:
        """As Grafana stores it, at a place of the grid of a dashboard.

        The query begins with a comment that tells whose it is: that is how Pipeline health finds the slowest panels.
        """
        return {
            "id": panel_id,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": DATASOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": [target(f"/* agentsight: {dashboard} / {self.title} */\n{self.sql}", self.format)],
            "fieldConfig": {"defaults": self.defaults, "overrides": list(self.overrides)},
            "options": self.options,
        }


def target(sql: str, format: int = TABLE) -> Json:
    """A query of the ClickHouse data source."""
    return {
        "refId": "A",
        "datasource": DATASOURCE,
        "editorType": "sql",
        "queryType": _QUERY_TYPES[format],
        "format": format,
        "rawSql": sql,
        "pluginVersion": "4.0.0",
        "meta": {},
    }


def unit(of: Unit) -> str:
    """Grafana's id of a unit."""
    return _UNITS[of]


def fields(
    grafana_unit: str,
    no_value: str,
    thresholds: Sequence[Threshold] = ((None, "blue"),),
    *,
    decimals: int | None = None,
    links: Sequence[Json] = (),
    **more: Any,
) -> Json:
    """Field options.

    Args:
        grafana_unit: Grafana's id of the unit.
        no_value: Shown where there is no data.
        thresholds: From which value on which colour; the first has no value.
        decimals: Default: as many as the value needs.
        links: Where a click leads.
        more: Further options, by Grafana's names.
    """
    steps = [{"value": value, "color": colour} for value, colour in thresholds]
    made: Json = {
        "unit": grafana_unit,
        "noValue": no_value,
        "thresholds": {"mode": "absolute", "steps": steps},
        "color": {"mode": "thresholds"},
        "links": list(links),
        **more,
    }
    if decimals is not None:
        made["decimals"] = decimals
    return made


def override(name: str, **properties: Any) -> Json:
    """Field options of the field of a name; a ``_`` in an option's name stands for its dots."""
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": key.replace("_", "."), "value": value} for key, value in properties.items()],
    }


def link(title: str, url: str) -> Json:
    """A data link."""
    return {"title": title, "url": url, "targetBlank": False}


def tile(
    title: str,
    description: str,
    sql: str,
    defaults: Json,
    *,
    direction: Direction = Direction.NEUTRAL,
    compares: bool = True,
    width: int = 6,
    height: int = 4,
) -> Panel:
    """A figure; where it compares, the query's first row is the period before, its last this one."""
    options: Json = {
        "reduceOptions": {"values": False, "calcs": ["last"], "fields": ""},
        "orientation": "auto",
        "textMode": "auto",
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "wideLayout": True,
        "showPercentChange": compares,
    }
    if compares:
        options["percentChangeColorMode"] = _CHANGE_COLOURS[direction]
    return Panel("stat", title, description, sql, width, height, options, defaults)


def metric_tile(
    metric: Metric, column: Column, title: str, sql: str, thresholds: Sequence[Threshold], links: Sequence[Json]
) -> Panel:
    """The tile of a metric's figure."""
    return tile(
        title,
        metric.definition,
        sql,
        fields(unit(column.unit), "–", thresholds, decimals=1 if column.unit is Unit.RATIO else None, links=links),
        direction=column.direction,
    )


def shares(title: str, description: str, sql: str, defaults: Json, *, width: int, height: int, values: bool) -> Panel:
    """A ring: of a row per category where ``values``, else of a field per category."""
    options: Json = {
        "pieType": "donut",
        "reduceOptions": {"values": values, "calcs": ["last"], "fields": "", "limit": 25},
        "legend": {"displayMode": "table", "placement": "right", "showLegend": True, "values": ["value", "percent"]},
        "tooltip": {"mode": "single", "sort": "none"},
        "displayLabels": [],
    }
    return Panel("piechart", title, description, sql, width, height, options, defaults)


def ranking(title: str, description: str, sql: str, defaults: Json, *, width: int, height: int) -> Panel:
    """A horizontal bar per row."""
    options: Json = {
        "displayMode": "basic",
        "orientation": "horizontal",
        "reduceOptions": {"values": True, "calcs": ["last"], "fields": "", "limit": 25},
        "showUnfilled": True,
        "valueMode": "text",
        "namePlacement": "auto",
        "minVizHeight": 16,
        "minVizWidth": 8,
        "maxVizHeight": 32,
        "sizing": "auto",
    }
    return Panel("bargauge", title, description, sql, width, height, options, defaults)


def bars(
    title: str,
    description: str,
    sql: str,
    defaults: Json,
    *,
    x_field: str,
    width: int,
    height: int,
    overrides: Sequence[Json] = (),
) -> Panel:
    """Vertical bars, a group per row."""
    options: Json = {
        "xField": x_field,
        "orientation": "auto",
        "stacking": "none",
        "showValue": "never",
        "groupWidth": 0.8,
        "barWidth": 0.95,
        "barRadius": 0,
        "fullHighlight": False,
        "xTickLabelRotation": 0,
        "xTickLabelSpacing": 100,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": ["sum"]},
        "tooltip": {"mode": "multi", "sort": "none"},
    }
    custom = {"fillOpacity": 80, "lineWidth": 1, "axisPlacement": "auto"}
    return Panel(
        "barchart",
        title,
        description,
        sql,
        width,
        height,
        options,
        {**defaults, "color": {"mode": "palette-classic"}, "custom": custom},
        overrides=overrides,
    )


def lines(
    title: str,
    description: str,
    sql: str,
    defaults: Json,
    *,
    width: int,
    height: int,
    stacked: bool = False,
) -> Panel:
    """Lines over time; a text column gives a line per value."""
    options: Json = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    custom: Json = {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 30 if stacked else 5,
        "showPoints": "auto",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
    }
    return Panel(
        "timeseries",
        title,
        description,
        sql,
        width,
        height,
        options,
        {**defaults, "color": {"mode": "palette-classic"}, "custom": custom},
        TIME_SERIES,
    )


def table(
    title: str,
    description: str,
    sql: str,
    no_value: str,
    *,
    width: int,
    height: int,
    overrides: Sequence[Json],
    sort: tuple[str, bool] | None = None,
) -> Panel:
    """Rows as they are.

    Args:
        sort: A column, and whether descending.
    """
    options: Json = {
        "showHeader": True,
        "cellHeight": "sm",
        "sortBy": [{"displayName": sort[0], "desc": sort[1]}] if sort else [],
        "frameIndex": 0,
    }
    custom = {"align": "auto", "filterable": True, "cellOptions": {"type": "auto"}, "inspect": False}
    defaults = fields("none", no_value, custom=custom)
    return Panel("table", title, description, sql, width, height, options, defaults, overrides=overrides)


def heat_map(title: str, description: str, sql: str, no_value: str, *, width: int, height: int) -> Panel:
    """A row of cells per field after the first, a column of cells per row."""
    options: Json = {
        "calculate": False,
        "cellGap": 2,
        "color": {
            "mode": "scheme",
            "scheme": "Blues",
            "steps": 64,
            "fill": "dark-blue",
            "exponent": 0.5,
            "reverse": False,
            "scale": "exponential",
        },
        "rowsFrame": {"layout": "auto", "value": "count"},
        "cellValues": {"unit": "locale", "decimals": 0},
        "yAxis": {"axisPlacement": "left", "reverse": True, "unit": "string"},
        "legend": {"show": True},
        "tooltip": {"mode": "single", "yHistogram": False, "showColorScale": True},
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {},
        "showValue": "never",
    }
    custom = {"hideFrom": {"legend": False, "tooltip": False, "viz": False}, "scaleDistribution": {"type": "linear"}}
    defaults = fields("locale", no_value, custom=custom)
    return Panel("heatmap", title, description, sql, width, height, options, defaults)


def world_map(title: str, description: str, sql: str, defaults: Json, *, width: int, height: int) -> Panel:
    """Countries coloured by ``conversations``; the query gives ``alpha_3``, ``country`` and ``conversations``.

    Everything is drawn from files that Grafana ships, no tile server is asked. The layer that colours the countries is
    one that Grafana renders but does not offer in its editor (its state there is alpha); markers, which it does offer,
    carry the tooltips. Older versions of the colouring layer overlook the query's first row.
    """
    countries = "public/maps/countries.geojson"
    plain = {"color": {"fixed": "#8e8e8e"}, "opacity": 0.25, "lineWidth": 1}
    coloured = {"color": {"field": "conversations", "fixed": "blue"}, "opacity": 0.9, "lineWidth": 1}
    marker = {
        "color": {"field": "conversations", "fixed": "blue"},
        "opacity": 0.8,
        "size": {"field": "conversations", "fixed": 4, "min": 3, "max": 10},
        "symbol": {"mode": "fixed", "fixed": "img/icons/marker/circle.svg"},
        "symbolAlign": {"horizontal": "center", "vertical": "center"},
        "rotation": {"mode": "mod", "fixed": 0, "min": -360, "max": 360},
        "textConfig": {"fontSize": 12, "textAlign": "center", "textBaseline": "middle", "offsetX": 0, "offsetY": 0},
    }
    options: Json = {
        "view": {"id": "coords", "lat": 25, "lon": 10, "zoom": 1.3, "allLayers": True},
        "controls": {
            "showZoom": True,
            "mouseWheelZoom": False,
            "showAttribution": False,
            "showScale": False,
            "showMeasure": False,
            "showDebug": False,
        },
        "basemap": {
            "type": "geojson",
            "name": "Countries",
            "config": {"src": countries, "rules": [], "style": plain},
        },
        "layers": [
            {
                "type": "dynamic-geojson",
                "name": "Conversations by country",
                "config": {
                    "src": countries,
                    "idField": "alpha_3",
                    "rules": [],
                    "style": {**plain, "opacity": 0},
                    "dataStyle": coloured,
                },
                "tooltip": True,
            },
            {
                "type": "markers",
                "name": "Conversations",
                "config": {"showLegend": False, "style": marker},
                "location": {"mode": "lookup", "lookup": "country", "gazetteer": "public/gazetteer/countries.json"},
                "tooltip": True,
            },
        ],
        "tooltip": {"mode": "details"},
    }
    shaded = {
        **defaults,
        "color": {"mode": "continuous-blues"},
        "custom": {"hideFrom": {"legend": False, "tooltip": False, "viz": False}},
    }
    hidden = [override("alpha_3", custom_hideFrom={"legend": True, "tooltip": True, "viz": False})]
    return Panel("geomap", title, description, sql, width, height, options, shaded, overrides=hidden)


def trace_view(title: str, description: str, sql: str, no_value: str, *, width: int, height: int) -> Panel:
    """Grafana's trace view."""
    return Panel("traces", title, description, sql, width, height, {}, fields("none", no_value), TRACES)


def mapped(colours: Mapping[str, str]) -> list[Json]:
    """Value mappings that colour texts."""
    return [
        {
            "type": "value",
            "options": {
                text: {"index": index, "color": colour, "text": text}
                for index, (text, colour) in enumerate(colours.items())
            },
        }
    ]
