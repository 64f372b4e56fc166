"""Panels with maps: a heat map of the hours of the week, and a map of the world."""

from grafana.panels import Json, Panel, fields, override


def heat_map(title: str, description: str, sql: str, no_value: str, *, width: int, height: int) -> Panel:
    """A heat map with a row of cells for each field after the first, and a column of cells for each row."""
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
    """Countries coloured by ``conversations``; the query gives ``alpha_3``, ``country``, ``token``, ``conversations``.

    All files of the map ship with Grafana; it requests no tile server. The layer that colours the countries is one that
    Grafana renders but does not offer in its editor (it is in alpha); the layer of markers, which it does offer, has
    the tooltips. Older versions of the colouring layer ignore the query's first row.
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
                "config": {"showLegend": True, "style": marker},
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
    unseen = {"legend": True, "tooltip": True, "viz": False}
    overrides = [override(name, custom_hideFrom=unseen) for name in ("alpha_3", "token")]
    return Panel("geomap", title, description, sql, width, height, options, shaded, overrides=overrides)
