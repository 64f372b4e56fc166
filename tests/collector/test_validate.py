"""The collector accepts every config, alone and with the optional ones added, one or several."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.collector.building import CONFIGS

BASES = ("local.yaml", "agent.yaml", "gateway.yaml")
# geoip.yaml is for another build: test_optional.py runs it.
OPTIONAL = sorted(path for path in CONFIGS.glob("optional/*.yaml") if path.name != "geoip.yaml")


def validate(otelcol: Path, configs: Sequence[Path], *arguments: str) -> None:
    done = subprocess.run(
        [otelcol, "validate", *(f"--config={config}" for config in configs), *arguments],
        env={},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("base", BASES)
def test_it_is_valid_alone_and_with_each_optional_one(base: str, otelcol: Path) -> None:
    assert len(OPTIONAL) >= 6
    for configs in ([CONFIGS / base], *([CONFIGS / base, optional] for optional in OPTIONAL)):
        validate(otelcol, configs)


def test_all_together_as_the_readme_says(otelcol: Path) -> None:
    chain = (
        "memory_limiter,transform/identity,filter/conversations,filter/sample,transform/redaction,transform/no-content"
    )
    validate(otelcol, [CONFIGS / "gateway.yaml", *OPTIONAL], f"--set=service.pipelines.traces.processors=[{chain}]")
