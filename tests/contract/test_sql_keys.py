"""SQL spells the contract's keys out; each must be one that semconv.py declares, or a metric stays empty unnoticed."""

import re
from collections.abc import Iterator
from pathlib import Path

from agentsight_otel import semconv
from agentsight_otel.clickhouse.schema.files import load

ROOT = Path(__file__).resolve().parents[2]
KEY = re.compile(
    r"'((?:agentsight|gen_ai|geo|client|user|deployment|service|session|traceloop|openinference|tool)\.[a-z_.]+)'"
)


OF_OTHERS = frozenset(
    """agentsight.llm.cache_read_tokens agentsight.llm.cache_write_tokens agentsight.llm.reasoning_tokens
    agentsight.tool.arguments agentsight.tool.response
    gen_ai.choice gen_ai.client.operation.time_to_first_chunk gen_ai.completion gen_ai.evaluation.result
    gen_ai.evaluation.score.label gen_ai.evaluation.score.value gen_ai.input.messages gen_ai.output.messages
    gen_ai.prompt gen_ai.response.finish_reason gen_ai.server.time_to_first_token gen_ai.system
    gen_ai.usage.cache_read_input_tokens gen_ai.usage.completion_tokens gen_ai.usage.details.cache_read_tokens
    gen_ai.usage.details.reasoning_tokens gen_ai.usage.prompt_tokens gen_ai.usage.reasoning_tokens
    gen_ai.user.message tool.parameters tool.status traceloop.entity.input traceloop.entity.output""".split()  # noqa: SIM905
)
"""What only other SDKs set, and only SQL reads: seen on spans that they sent."""


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
    assert [(file, key) for file, key in spelled if key not in declared() | OF_OTHERS] == []


def test_every_dialect_is_resolved_in_the_sql() -> None:
    (table,) = [file.sql for file in load().files if file.name == "otel_traces"]
    for column, keys in (
        ("ConversationId", semconv.CONVERSATION_ID_KEYS),
        ("CustomerId", semconv.CUSTOMER_KEYS),
        ("ToolName", semconv.TOOL_NAME_KEYS),
        ("ClientAddress", semconv.CLIENT_ADDRESS_KEYS),
        ("Country", semconv.COUNTRY_KEYS),
        ("Environment", semconv.SPAN_ENVIRONMENT_KEYS),
        ("Environment", semconv.RESOURCE_ENVIRONMENT_KEYS[1:]),
    ):
        expression = table[table.index(f"`{column}` ") :].split(" COMMENT ")[0]
        positions = [expression.index(f"'{key}'") for key in keys]
        assert positions == sorted(positions), column
    for key, value in semconv.TOOL_CALL_MARKS:
        assert f"SpanTexts[indexOf(SpanNames, '{key}')] = '{value}'" in table


def test_keys_are_literals_in_semconv_alone() -> None:
    elsewhere = []
    for file in (ROOT / "agentsight_otel").rglob("*.py"):
        if file.name not in (
            "semconv.py",
            "content.py",
            "first_run.py",
        ):  # where other SDKs put texts, and lines to copy
            text = re.sub(r'"""(?:.|\n)*?"""', "", file.read_text())
            elsewhere += [(file.name, key) for key in re.findall(r'"((?:agentsight|gen_ai|geo)\.[a-z_.]+)"', text)]
    assert elsewhere == []
