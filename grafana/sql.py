"""How a panel's query gets the dashboard's time range, time zone and filters, whatever they hold.

Grafana replaces ``${variable}`` in the browser, and the data source replaces ``$__macro`` in its backend. A value that
comes from a variable may be anything: it is put in URL-encoded (``:queryparam``), where no quote and no backslash
survives, and decoded by ClickHouse.
"""

from agentsight_otel.catalogue import FILTER_LABELS

FROM = "toUnixTimestamp64Milli($__fromTime_ms)"
TO = "toUnixTimestamp64Milli($__toTime_ms)"
# The choice "Dashboard" may arrive as the name of Grafana's own variable, which nobody can set to anything hostile.
# Grafana writes UTC in small letters, which ClickHouse does not know.
_TIMEZONE = """(SELECT if(zone = 'utc', 'UTC', zone) FROM (
        SELECT if(chosen LIKE '%{__timezone}', '${__timezone}', chosen) AS zone FROM (SELECT CHOSEN AS chosen)))"""


def text_of(variable: str) -> str:
    """The value of a variable with one value, as an SQL expression of type String."""
    return f"decodeURLComponent(extract('${{{variable}:queryparam}}', 'var-{variable}=([^&]*)'))"


def list_of(variable: str) -> str:
    """The values of a variable with several, as an SQL expression of type Array(String); All is the empty array."""
    return (
        "(SELECT arrayFilter(v -> v NOT IN ('$__all', 'All'), arrayMap(v -> decodeURLComponent(v),"
        f" extractAll('${{{variable}:queryparam}}', 'var-{variable}=([^&]*)'))))"
    )


def call(view: str, *, before: bool = False, **more: str) -> str:
    """A view of the metrics' parameters, called for the dashboard's time range and filters.

    Args:
        view: Its name.
        before: Asks for the period of the same length that ends where the dashboard's begins.
        more: Further arguments, as SQL.
    """
    window = [f"from=2 * {FROM} - {TO}", f"to={FROM}"] if before else [f"from={FROM}", f"to={TO}"]
    filters = [f"{name}={list_of(name)}" for name in FILTER_LABELS]
    arguments = [
        *window,
        "timezone=" + _TIMEZONE.replace("CHOSEN", text_of("timezone")),
        *filters,
        *(f"{name}={value}" for name, value in more.items()),
    ]
    return f"{view}(\n    " + ",\n    ".join(arguments) + ")"


def call_unfiltered(view: str) -> str:
    """The same for all conversations and without variables, which alert rules do not have."""
    filters = ", ".join(f"{name}=[]" for name in FILTER_LABELS)
    return f"{view}(from={FROM}, to={TO}, timezone='UTC', {filters})"
