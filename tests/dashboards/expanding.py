"""Expands a query as Grafana and its ClickHouse data source do.

Variables are replaced in the browser, by the rules of ``:percentencode`` in Grafana; comments are removed and macros
replaced in the data source's backend (4.19 and newer; older ones leave comments). A macro is replaced wherever it
stands, in a string too. Only what the dashboards use is here; anything else is an error, not left alone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

Value = str | list[str]

_VARIABLE = re.compile(r"\$\{(\w+)(?::(\w+))?\}|\[\[\w+(?::\w+)?\]\]|\$(\w+)")
_MACRO = re.compile(r"\$__(\w+)")
_STRING_OR_COMMENT = re.compile(r"('(?:[^'\\]|\\.)*')|/\*.*?\*/|--[^\n]*", re.DOTALL)


def percent_encoded(value: Value) -> str:
    """As ``encodeURIComponentStrict`` of Grafana does it; several values as ``{one,two}``."""
    return quote("{" + ",".join(value) + "}" if isinstance(value, list) else value, safe="-_.~")


@dataclass(frozen=True)
class Viewer:
    """Who looks at a dashboard.

    Attributes:
        start_ms: The time range's beginning, in ms since 1970.
        end_ms: Its end.
        variables: By name: text, or texts where several may be chosen.
        timezone: The dashboard's, as ``${__timezone}`` gives it.
        interval_s: A panel's interval, in seconds.
    """

    start_ms: int
    end_ms: int
    variables: Mapping[str, Value] = field(default_factory=dict)
    timezone: str = "utc"
    interval_s: int = 3_600

    def expand(self, sql: str) -> str:
        """What reaches ClickHouse."""
        replaced = _VARIABLE.sub(self._variable, sql)
        if _MACRO.search(replaced):
            replaced = _STRING_OR_COMMENT.sub(lambda found: found[1] or "", replaced)
        return _MACRO.sub(self._macro, replaced)

    def _variable(self, found: "re.Match[str]") -> str:
        name, form, bare = found.groups()
        if bare is not None and bare.startswith("__"):
            return found[0]  # a macro, for the backend
        if name == "__timezone" and form is None:
            return self.timezone
        if name is None or name not in self.variables:
            raise AssertionError(f"{found[0]}: no such variable, or one that is put in without being encoded")
        if form != "percentencode":
            raise AssertionError(f"{found[0]}: put in without being encoded")
        return percent_encoded(self.variables[name])

    def _macro(self, found: "re.Match[str]") -> str:
        macros = {
            "fromTime": f"toDateTime({self.start_ms // 1000})",
            "toTime": f"toDateTime({self.end_ms // 1000})",
            "fromTime_ms": f"fromUnixTimestamp64Milli({self.start_ms})",
            "toTime_ms": f"fromUnixTimestamp64Milli({self.end_ms})",
            "interval_s": str(max(1, self.interval_s)),
        }
        if found[1] not in macros:
            raise AssertionError(f"{found[0]}: no macro of the data source that the dashboards use")
        return macros[found[1]]
