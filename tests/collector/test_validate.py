"""The collector accepts every config, alone and with the optional ones added, one or several."""

import re
import shlex
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


def commands() -> list[str]:
    """The command lines that the README and the optional files tell of."""
    text = (CONFIGS / "README.md").read_text().replace("\\\n", " ")
    text += "\n".join(path.read_text() for path in OPTIONAL)
    return re.findall(r"^[#$ ]*(?:\w+=\S+ )?(otelcol-contrib .*)$", text, re.MULTILINE)


def test_every_command_that_is_told_of_is_valid(otelcol: Path) -> None:
    found = commands()
    assert len(found) >= 8
    for command in found:
        words = shlex.split(command.replace("collector_config/", ""))
        done = subprocess.run(
            [otelcol, "validate", *words[1:]], cwd=CONFIGS, env={}, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"


def test_all_processors_go_together_in_the_order_that_the_readme_says(otelcol: Path) -> None:
    (order,) = re.findall(r"^`memory_limiter`, .*$", (CONFIGS / "README.md").read_text(), re.MULTILINE)
    chain = [name for name in re.findall(r"`([^`]+)`", order) if name not in ("geoip", "transform/place")]
    with_agents = f"--set=service.pipelines.traces.processors=[{','.join(chain)}]"
    validate(otelcol, [CONFIGS / "agent.yaml", *OPTIONAL], with_agents)
    chain.remove("transform/origin")
    validate(
        otelcol, [CONFIGS / "gateway.yaml", *OPTIONAL], f"--set=service.pipelines.traces.processors=[{','.join(chain)}]"
    )
