"""The SDK's masks and the collector's redaction are the same rules, in the same order, on everything that is text."""

import re
from pathlib import Path

import pytest
import yaml

from agentsight_otel.config import MASKS
from agentsight_otel.masking import RULES, builtin
from tests.redaction_examples import CHECKED, KEPT, REPLACED

CONFIG = Path(__file__).resolve().parents[2] / "collector_config" / "optional" / "redaction.yaml"
TARGETS = (
    'replace_all_patterns(span.attributes, "value", ',
    "replace_pattern(span.name, ",
    "replace_pattern(span.status.message, ",
    'replace_all_patterns(spanevent.attributes, "value", ',
)


def quoted(text: str) -> str:
    """As OTTL writes a string; a dollar that the collector does not take for a variable's is written twice."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{escaped}"'


def statements(target: str) -> list[str]:
    """The rules as the collector's statements, as they stand in the file."""
    return [
        f"{target}{quoted(rule.pattern)}, {quoted(said)})"
        for rule in RULES
        for groups in [re.compile(rule.pattern).groups]
        for said in [f"{'$1' * (groups > 0)}[{rule.name}]{'$2' * (groups > 1)}"]
    ]


@pytest.mark.parametrize("target", TARGETS)
def test_the_collectors_patterns_are_the_sdks_in_the_same_order(target: str) -> None:
    config = yaml.safe_load(CONFIG.read_text())
    written = [
        one
        for group in config["processors"]["transform/redaction"]["trace_statements"]
        for one in group["statements"]
        if one.startswith(target)
    ]
    assert written == statements(target)


def test_no_other_text_of_the_config_replaces_anything() -> None:
    replacing = [line for line in CONFIG.read_text().splitlines() if "replace_" in line]
    assert len(replacing) == len(TARGETS) * len(RULES)


@pytest.mark.parametrize(("text", "expected"), [*REPLACED.items(), *zip(KEPT, KEPT, strict=True)])
def test_the_sdk_does_with_the_examples_what_the_collector_does(text: str, expected: str) -> None:
    assert builtin(MASKS)("text", text) == expected
    assert builtin(MASKS)("text", expected) == expected


@pytest.mark.parametrize("text", CHECKED)
def test_the_sdk_leaves_alone_what_only_looks_like_it(text: str) -> None:
    assert builtin(MASKS)("text", text) == text
