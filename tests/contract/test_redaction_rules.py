"""The SDK's masks and the collector's redaction are the same rules, in the same order, on everything that is text."""

import pytest
import yaml

from agentsight_otel._core.setting_types import MASKS
from agentsight_otel._export.masking import builtin
from docs import collector_privacy
from tests.redaction_examples import CHECKED, KEPT, REPLACED


def test_the_collectors_patterns_are_the_sdks_in_the_same_order() -> None:
    for name, made in (("redaction", collector_privacy.redaction()), ("no-content", collector_privacy.no_content())):
        assert (collector_privacy.FOLDER / f"{name}.yaml").read_text("utf-8") == made, "run docs/collector_privacy.py"
    groups = yaml.safe_load(collector_privacy.redaction())["processors"]["transform/redaction"]["trace_statements"]
    written = [one for group in groups for one in group["statements"]]
    for target in ("resource.attributes", "scope.name", "span.name", "span.status.message", "spanevent.name"):
        expected = collector_privacy.replacements(target)
        assert [one for one in written if one in expected] == expected


@pytest.mark.parametrize(("text", "expected"), [*REPLACED.items(), *zip(KEPT, KEPT, strict=True)])
def test_the_sdk_does_with_the_examples_what_the_collector_does(text: str, expected: str) -> None:
    assert builtin(MASKS)("text", text) == expected
    assert builtin(MASKS)("text", expected) == expected


@pytest.mark.parametrize("text", CHECKED)
def test_the_sdk_leaves_alone_what_only_looks_like_it(text: str) -> None:
    assert builtin(MASKS)("text", text) == text
