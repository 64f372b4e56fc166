"""Panels: one function per visualisation, each with the options that its kind of data needs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agentsight_otel.clickhouse.catalogue import Column, Direction, Metric, Unit
from grafana.sql import signed

Json = dict[str, Any]

DATASOURCE: Json = {"type": "grafana-clickhouse-datasource", "uid": "${datasource}"}
"""The data source that is chosen by the dashboard's variable."""

TIME_SERIES, TABLE, TRACES = 0, 1, 3
"""The data source's result formats: a series for each label, rows as they are, and spans."""

OLDEST_PLUGIN = "4.0.3"
"""The first version of the data source with all the macros used here: ``$__fromTime_ms`` came with it."""

_QUERY_TYPES = {TIME_SERIES: "timeseries", TABLE: "table", TRACES: "traces"}
_UNITS = {Unit.COUNT: "locale", Unit.SECONDS: "s", Unit.RATIO: "percentunit"}
# The colours of a rise and of a fall.
_CHANGE_COLOURS = {
    Direction.UP_IS_GOOD: ("green", "red"),
    Direction.UP_IS_BAD: ("red", "green"),
    Direction.NEUTRAL: ("text", "text"),
}

Threshold = tuple[float | None, str]


@dataclass(frozen=True)
class Panel:
    """A panel, without its place on a dashboard.

    Attributes:
        kind: Grafana's id of the visualisation.
        title: The panel's title.
        description: A text that says what exactly is shown.
        sql: The query; '' for a panel without data.
        format: The data source's result format.
        width: The width in columns, of which a dashboard has 24.
        height: The height in grid units of 30 pixels.
        defaults: Field options of all fields: unit, thresholds, text where there is no data.
        options: The visualisation's options.
        overrides: Field options of some fields.
        interval: The shortest step of a line, in Grafana's notation; '' for as short as the screen allows.
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
    interval: str = ""

    def with_overrides(self, overrides: Iterable[Json]) -> "Panel":
        """A copy of the panel with more options for some of its fields."""
        return replace(self, overrides=tuple(overrides))

    def as_json(self, panel_id: int, x: int, y: int, dashboard: str) -> Json:
        """The panel in Grafana's format, at a place on the grid of a dashboard.

        The query begins with the panel's name in a string, by which the dashboard Pipeline health finds the slowest
        panels; the data source would remove a comment. Units apply only to numbers: Grafana would format a text that
        looks like a number, such as an id or a telephone number.
        """
        defaults, overrides = dict(self.defaults), list(self.overrides)
        if self.kind not in _WITHOUT_TEXTS:
            of_numbers = {key: defaults.pop(key) for key in ("unit", "decimals") if key in defaults}
            if of_numbers:
                overrides.insert(0, override_numbers(**of_numbers))
        stored: Json = {
            "id": panel_id,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": DATASOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": [target(signed(f"{dashboard} / {self.title}", self.sql), self.format)],
            "fieldConfig": {"defaults": defaults, "overrides": overrides},
            "options": self.options,
        }
        return {**stored, "interval": self.interval} if self.interval else stored


_WITHOUT_TEXTS = ("timeseries", "heatmap", "traces")


def target(sql: str, format: int = TABLE) -> Json:
    """A query of the ClickHouse data source."""
    return {
        "refId": "A",
        "datasource": DATASOURCE,
        "editorType": "sql",
        "queryType": _QUERY_TYPES[format],
        "format": format,
        "rawSql": sql,
        "pluginVersion": OLDEST_PLUGIN,
        "meta": {},
    }


def unit(of: Unit) -> str:
    """Grafana's id of a unit."""
    return _UNITS[of]


def fields(
    grafana_unit: str | None,
    no_value: str,
    thresholds: Sequence[Threshold] = ((None, "blue"),),
    *,
    decimals: int | None = None,
    links: Sequence[Json] = (),
    **more: Any,
) -> Json:
    """Field options.

    Args:
        grafana_unit: Grafana's id of the unit of the numbers; None where they have units of their own.
        no_value: The text that is shown where there is no data.
        thresholds: Pairs of a value and the colour from that value on; the first has no value.
        decimals: The number of decimals. Default: as many as the value needs.
        links: The links of a click.
        more: Further options by Grafana's names.
    """
    steps = [{"value": value, "color": colour} for value, colour in thresholds]
    made: Json = {
        "noValue": no_value,
        "thresholds": {"mode": "absolute", "steps": steps},
        "color": {"mode": "thresholds"},
        "links": list(links),
        **more,
    }
    if grafana_unit is not None:
        made["unit"] = grafana_unit
    if decimals is not None:
        made["decimals"] = decimals
    return made


def override_numbers(**properties: Any) -> Json:
    """Field options of all fields with numbers."""
    return {
        "matcher": {"id": "byType", "options": "number"},
        "properties": [{"id": key, "value": value} for key, value in properties.items()],
    }


def hidden(name: str) -> Json:
    """Hides a field that is needed only for links."""
    return override(name, displayName=name, custom_hidden=True)


def named_by(number: str, text: str, kind: str = "data.fields") -> Json:
    """Names a number by one of its row's texts or labels, where the row has several texts."""
    return override(number, displayName=f"${{__{kind}.{text}}}")


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
    """A tile with a figure; where ``compares``, the query also returns its ``change`` as text."""
    options: Json = {
        "reduceOptions": {"values": False, "calcs": ["last"], "fields": "/.*/" if compares else ""},
        "orientation": "auto",
        "textMode": "value" if compares else "auto",
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "wideLayout": True,
        # Grafana's own change shows ∞ % where the value before is 0, and 0 % where it is unknown.
        "showPercentChange": False,
    }
    overrides = []
    if compares:
        up, down = _CHANGE_COLOURS[direction]
        colours = [_matching("/^▲/", up, 0), _matching("/^▼/", down, 1)]
        overrides = [override("change", mappings=colours, color={"mode": "fixed", "fixedColor": "text"})]
    return Panel("stat", title, description, sql, width, height, options, defaults, overrides=overrides)


def _matching(pattern: str, colour: str, index: int) -> Json:
    return {"type": "regex", "options": {"pattern": pattern, "result": {"color": colour, "index": index}}}


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
    """A ring chart, of one row for each category where ``values``, else of one field for each category."""
    options: Json = {
        "pieType": "donut",
        "reduceOptions": {"values": values, "calcs": ["last"], "fields": "", "limit": 25},
        "legend": {"displayMode": "table", "placement": "right", "showLegend": True, "values": ["value", "percent"]},
        "tooltip": {"mode": "single", "sort": "none"},
        "displayLabels": [],
    }
    return Panel("piechart", title, description, sql, width, height, options, defaults)


def ranking(title: str, description: str, sql: str, defaults: Json, *, width: int, height: int) -> Panel:
    """Horizontal bars, one for each row."""
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
    """Vertical bars, a group for each row."""
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
    label: str = "",
    interval: str = "",
) -> Panel:
    """Lines over time.

    Args:
        label: A text column; each of its values is a line with that name. '' for none.
        interval: The shortest step, in Grafana's notation.
    """
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
        overrides=[override_numbers(displayName=f"${{__field.labels.{label}}}")] if label else (),
        interval=interval,
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
    """A table of the query's rows.

    Args:
        sort: The column to sort by, and whether descending.
    """
    options: Json = {
        "showHeader": True,
        "cellHeight": "sm",
        "sortBy": [{"displayName": sort[0], "desc": sort[1]}] if sort else [],
        "frameIndex": 0,
    }
    custom = {"align": "auto", "filterable": True, "cellOptions": {"type": "auto"}, "inspect": False}
    defaults = fields(None, no_value, custom=custom)
    return Panel("table", title, description, sql, width, height, options, defaults, overrides=overrides)


def trace_view(title: str, description: str, sql: str, no_value: str, *, width: int, height: int) -> Panel:
    """A panel with Grafana's trace view."""
    return Panel("traces", title, description, sql, width, height, {}, fields(None, no_value), TRACES)


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
