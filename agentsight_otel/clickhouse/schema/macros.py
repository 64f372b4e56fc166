"""Replaces the macros ``{name}`` and ``{name(argument, …)}`` in the schema's SQL by their texts in ``macros*.sql``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from agentsight_otel.clickhouse import bundled

_DEFINITION = re.compile(r"^MACRO (\w+)(?:\(([\w, ]*)\))? AS\n(.*?);$", re.MULTILINE | re.DOTALL)
# An argument may hold {database} and ClickHouse's own parameters; macros in it have been replaced by then.
_USE = re.compile(r"\{(\w+)(?:\(((?:[^{}]|\{database\}|\{\w+:[^{}]*\})*)\))?\}")
_QUOTED_OR_PUNCTUATION = re.compile(r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|[(),\[\]]", re.DOTALL)
_MOST_ROUNDS = 20


@dataclass(frozen=True)
class Macro:
    """A text that stands for a name.

    Attributes:
        parameters: The names of its parameters, in order.
        body: The text, with ``{parameter}`` where an argument belongs; may use other macros.
    """

    parameters: tuple[str, ...]
    body: str


def read_macros(folder: Path) -> dict[str, Macro]:
    """The macros of a schema's folder by name; none where it has no ``macros*.sql``."""
    text = "".join(file.read_text() for file in sorted(folder.glob("macros*.sql")))
    return {
        name: Macro(tuple(re.findall(r"\w+", parameters)), body) for name, parameters, body in _DEFINITION.findall(text)
    }


def expand(sql: str, macros: Mapping[str, Macro] | None = None) -> str:
    """Replaces the macros in SQL; ``{database}`` and ClickHouse's own ``{name:Type}`` stay as they are.

    Args:
        sql: SQL with macros, also as arguments of macros.
        macros: Macros by name. Default: those of the schema that ships with this package.

    Raises:
        ValueError: The SQL uses an unknown macro, or one with the wrong number of arguments.
    """
    defined = _shipped() if macros is None else macros

    def replaced(use: re.Match[str]) -> str:
        name, arguments = use[1], use[2]
        if name == "database":
            return use[0]
        if name not in defined:
            raise ValueError(f"{use[0]}: expected {{database}} or a macro of macros.sql: {', '.join(sorted(defined))}")
        values = split_arguments(arguments) if arguments is not None else []
        parameters = defined[name].parameters
        if len(values) != len(parameters):
            raise ValueError(f"{use[0]}: expected {len(parameters)} argument(s): {', '.join(parameters)}")
        body = defined[name].body
        for parameter, value in zip(parameters, values, strict=True):
            body = body.replace(f"{{{parameter}}}", value)
        return body

    for _ in range(_MOST_ROUNDS):
        expanded = _USE.sub(replaced, sql)
        if expanded == sql:
            return sql
        sql = expanded
    raise ValueError("macros.sql: a macro stands for itself")


def split_arguments(text: str) -> list[str]:
    """Splits SQL at the commas outside of brackets and quotes."""
    values, depth, begin = [], 0, 0
    for match in _QUOTED_OR_PUNCTUATION.finditer(text):
        mark = match[0]
        if mark == "," and depth == 0:
            values.append(text[begin : match.start()].strip())
            begin = match.end()
        depth += (mark in "([") - (mark in ")]")
    return [*values, text[begin:].strip()]


@lru_cache(maxsize=1)
def _shipped() -> dict[str, Macro]:
    return read_macros(bundled.folder("clickhouse_schema"))
