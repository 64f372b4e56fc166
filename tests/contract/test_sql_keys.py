"""SQL spells the contract's keys out; each must be one that semconv.py declares, or a metric stays empty unnoticed."""

import re
from collections.abc import Iterator
from pathlib import Path

from agentsight_otel import semconv

ROOT = Path(__file__).resolve().parents[2]
KEY = re.compile(
    r"'((?:agentsight|gen_ai|geo|client|user|deployment|service|session|traceloop|openinference|tool)\.[a-z_.]+)'"
)


def declared() -> set[str]:
    found: set[str] = set()
    pending: list[object] = [value for name, value in vars(semconv).items() if name.isupper()]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            found.add(value)
        elif isinstance(value, tuple):
            pending.extend(value)
    return found


def spelled_in_sql() -> Iterator[tuple[str, str]]:
    for file in sorted((ROOT / "clickhouse_schema").rglob("*.sql")):
        for key in KEY.findall(file.read_text()):
            yield file.name, key


def test_every_key_in_the_sql_is_declared() -> None:
    spelled = list(spelled_in_sql())
    assert len(spelled) > 50
    assert [(file, key) for file, key in spelled if key not in declared()] == []


def test_every_dialect_is_resolved_in_the_sql() -> None:
    table = (ROOT / "clickhouse_schema" / "010_otel_traces.sql").read_text()
    for keys in (
        semconv.CONVERSATION_ID_KEYS,
        semconv.CUSTOMER_KEYS,
        semconv.TOOL_NAME_KEYS,
        semconv.CLIENT_ADDRESS_KEYS,
        semconv.COUNTRY_KEYS,
        semconv.SPAN_ENVIRONMENT_KEYS,
        semconv.RESOURCE_ENVIRONMENT_KEYS,
    ):
        positions = [table.index(f"'{key}'") for key in keys]
        assert positions == sorted(positions)
    for key, value in semconv.TOOL_CALL_MARKS:
        assert f"SpanAttributes['{key}'] = '{value}'" in table


def test_keys_are_literals_in_semconv_alone() -> None:
    elsewhere = []
    for file in (ROOT / "agentsight_otel").rglob("*.py"):
        if file.name != "semconv.py":
            text = re.sub(r'"""(?:.|\n)*?"""', "", file.read_text())
            elsewhere += [(file.name, key) for key in re.findall(r'"((?:agentsight|gen_ai|geo)\.[a-z_.]+)"', text)]
    assert elsewhere == []
