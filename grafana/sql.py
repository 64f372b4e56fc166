"""Passes the dashboard's time range, time zone and filters to a panel's query safely, whatever they contain.

Grafana replaces ``${variable}`` in the browser, and the data source replaces ``$__macro`` in its backend, also inside
strings. The value of a variable can be any text, even the name of a macro: so it is inserted percent-encoded
(``:percentencode``), without quotes, backslashes and dollar signs, and decoded by ClickHouse.

That format writes several values as ``{one,two}``. So that a comma in a value does not split it, the variables hold
each value encoded once more (see ``board.filters``).
"""

from agentsight_otel.clickhouse.catalogue import FILTER_LABELS, Unit

FROM_MS = "toUnixTimestamp64Milli($__fromTime_ms)"
TO_MS = "toUnixTimestamp64Milli($__toTime_ms)"
STEP_S = "$__interval_s"
TIMEZONE = "if('${__timezone}' IN ('', 'utc', 'browser'), 'UTC', '${__timezone}')"
"""SQL for the time zone of Grafana's time picker, which cannot hold hostile text. Grafana writes UTC in lower case, and
ClickHouse does not know that."""

ALL = "*"
"""The variable's value for All; an encoded value of a filter never equals it."""


def instant(milliseconds: str) -> str:
    """SQL that turns milliseconds since 1970 into a text, which views read as UTC: unlike integers in every year."""
    return f"toString(fromUnixTimestamp64Milli({milliseconds}, 'UTC'))"


FROM = instant(FROM_MS)
TO = instant(TO_MS)
_BEFORE = instant(f"2 * {FROM_MS} - {TO_MS}")


def text_of(variable: str) -> str:
    """The value of a variable with one value, as an SQL expression of type String."""
    return f"decodeURLComponent('${{{variable}:percentencode}}')"


def list_of(filter_name: str) -> str:
    """The name of a filter's chosen values, of type Array(String), empty for All; ``signed`` defines it."""
    return f"chosen_{filter_name}"


def _chosen(filter_name: str) -> str:
    """The definition of ``list_of``, by constants and plain functions: before ClickHouse 26.7 views take no others."""
    tokens = f"chosen_{filter_name}_tokens"
    nothing = f"{tokens} IN ('', concat('$', '__all'), '{ALL}')"
    values = f"splitByChar(char(31), decodeURLComponent(replaceAll({tokens}, ',', char(31))))"
    return (
        f"trim(BOTH '{{}}' FROM decodeURLComponent('${{{filter_name}:percentencode}}')) AS {tokens},"
        f" arraySlice({values}, 1, if({nothing}, 0, {_MOST_VALUES})) AS {list_of(filter_name)}"
    )


_MOST_VALUES = 100_000

SIGNATURE = "agentsight: "
"""The beginning of the string with which panels' queries name their panel."""


def signed(who: str, sql: str) -> str:
    """A query with a WITH clause that names its panel in an unused string, and defines the filters that it uses.

    Each filter's values are written once, however often the query uses them.
    """
    definitions = [f"'{SIGNATURE}{who}' AS asked_by"]
    definitions += [_chosen(name) for name in FILTER_LABELS if list_of(name) in sql]
    rest = "," + sql.removeprefix("WITH") if sql.startswith("WITH") else f"\n{sql}"
    return "WITH " + ",\n    ".join(definitions) + rest


def call(view: str, *, before: bool = False, **more: str) -> str:
    """SQL that calls a view with the metrics' parameters, for the dashboard's time range and filters.

    Args:
        view: The view's name.
        before: Whether to query the period of the same length before the dashboard's time range instead.
        more: Further arguments of the view, as SQL.
    """
    window = [f"from={_BEFORE}", f"to={FROM}"] if before else [f"from={FROM}", f"to={TO}"]
    filters = [f"{name}={list_of(name)}" for name in FILTER_LABELS]
    arguments = [*window, f"timezone={TIMEZONE}", *filters, *(f"{name}={value}" for name, value in more.items())]
    return f"{view}(\n    " + ",\n    ".join(arguments) + ")"


def call_unfiltered(view: str) -> str:
    """SQL that calls a view for all conversations, without variables, which alert rules do not have."""
    filters = ", ".join(f"{name}=[]" for name in FILTER_LABELS)
    return f"{view}(from={FROM}, to={TO}, timezone='UTC', {filters})"


def this_and_before(view: str, expression: str, unit: Unit = Unit.COUNT) -> str:
    """A query for a figure and its change against the period before.

    Args:
        view: The name of a view with one row, or of one whose rows the expression aggregates.
        expression: The figure, as SQL over the view's columns.
        unit: The figure's unit: a ratio's change is in percentage points, any other's in per cent.
    """
    return both_periods(
        f"SELECT {expression} AS figure FROM {call(view)}",
        f"SELECT {expression} AS figure FROM {call(view, before=True)}",
        unit,
    )


def both_periods(this: str, before: str, unit: Unit = Unit.COUNT) -> str:
    """A query for a figure and its change, from two queries of one row with a column ``figure``."""
    if unit is Unit.RATIO:
        appeared, size, word = "isNull(earlier)", "abs(figure - earlier) * 100", "points"
    else:
        appeared, size, word = "ifNull(earlier, 0) = 0", "abs(figure / earlier - 1) * 100", "%"
    return (
        "SELECT figure, assumeNotNull(multiIf(\n"
        "    isNull(figure) AND isNull(earlier), '–',\n"
        "    ifNull(figure = earlier, false), 'unchanged',\n"
        "    isNull(figure), 'none now',\n"
        f"    {appeared}, 'new',\n"
        f"    round({size}, 1) = 0, 'unchanged',\n"
        f"    concat(if(figure > earlier, '▲ ', '▼ '), toString(if({size} < 10, round({size}, 1), round({size}))),"
        f" ' {word}'))) AS change\n"
        f"FROM (\n  {this}\n) AS now\nCROSS JOIN (\n  SELECT figure AS earlier FROM ({before})\n) AS before"
    )


def step(instant_of_row: str) -> str:
    """SQL for the start of the step that contains an instant."""
    return f"toDateTime(intDiv(assumeNotNull(toUnixTimestamp({instant_of_row})), {STEP_S}) * {STEP_S}, 'UTC')"


def every_step(rows: str, figure: str, *, label: str = "") -> str:
    """A query for rows with a time, and with zeros for every step of the time range without one.

    Where there are no rows at all, it gives none, so that the panel can say so: ClickHouse would fill them in, too.

    Args:
        rows: A query for rows with a column ``time``.
        figure: A column that is 0 in all rows only where there is nothing to show.
        label: A column with a text that is never empty; each of its values has all the steps. '' for none.
    """
    first = f"toDateTime(intDiv(intDiv({FROM_MS}, 1000), {STEP_S}) * {STEP_S}, 'UTC')"
    steps = f"time WITH FILL FROM {first} TO toDateTime(intDiv({TO_MS}, 1000), 'UTC') STEP toIntervalSecond({STEP_S})"
    if label:
        return f"SELECT * FROM (\n{rows}\nORDER BY {label}, {steps}\n) WHERE {label} != '' ORDER BY time, {label}"
    return f"SELECT * FROM (\n{rows}\nORDER BY {steps}\n) QUALIFY sum({figure}) OVER () > 0 ORDER BY time"


def token(expression: str) -> str:
    """SQL that encodes a filter's value as in its variable."""
    return f"encodeURLComponent({expression})"
