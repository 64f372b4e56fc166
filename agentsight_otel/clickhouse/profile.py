"""Settings of a ClickHouse user's profile under which the views would be refused or answer otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class Needed:
    """The value that the schema needs of a ClickHouse setting.

    Attributes:
        value: The needed value, which is ClickHouse's default.
        otherwise: What goes wrong with another value.
    """

    value: str
    otherwise: str


NEEDED: Mapping[str, Needed] = MappingProxyType(
    {
        "enable_analyzer": Needed(
            "1",
            "before ClickHouse 26.9 DDL and queries are refused, and an INSERT fails after it has stored its spans,"
            " which the collector then sends again and again",
        ),
        "prefer_column_name_to_alias": Needed("0", "most views are refused: Column is not under aggregate function"),
        "force_grouping_standard_compatibility": Needed(
            "1", "metric_peak_hours and metric_daily_overview are empty, without an error"
        ),
        "aggregate_functions_null_for_empty": Needed("0", "views of conversations are refused: Cannot convert NULL"),
        "empty_result_for_aggregation_by_empty_set": Needed("0", "metrics of one row have none where nothing happened"),
        "asterisk_include_virtual_columns": Needed("0", "SELECT * of a view has columns that it is not known to have"),
    }
)
"""The settings with which a view is refused or answers otherwise; found by trying every query setting on every view."""


def unfit_settings(client: Any) -> dict[str, str]:
    """The settings of ``NEEDED`` to which the profile of the client's user gives another value, with that value."""
    settings = {name: client.server_settings.get(name) for name in NEEDED}
    return {
        name: str(setting.value)
        for name, setting in settings.items()
        if setting is not None and str(setting.value) != NEEDED[name].value
    }


def use_needed_settings(client: Any) -> None:
    """Makes a clickhouse-connect client send the needed values with each query, where its user's profile differs and
    allows it."""
    for name in unfit_settings(client):
        if not int(client.server_settings[name].readonly):
            client.set_client_setting(name, NEEDED[name].value)
