"""The command line with some of its extras only: each command says what it needs."""

import subprocess
import sys

import pytest

from agentsight_otel.cli.missing import EXTRAS
from agentsight_otel.cli.root import cli

OF_LOCAL = ("starlette", "uvicorn", "chdb")
OF_CLICKHOUSE = ("click", "rich", "clickhouse_connect")
WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
sys.argv = ["agentsight-otel", *{words!r}]
from agentsight_otel.__main__ import main
main()
"""


def run(words: list[str], absent: tuple[str, ...]) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(absent=absent, words=words)], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_a_bare_install_answers_version_and_help() -> None:
    bare = OF_CLICKHOUSE + OF_LOCAL
    version = run(["--version"], bare)
    assert version.returncode == 0 and version.stdout.startswith("agentsight-otel, version ")
    for words in ([], ["--help"], ["-h"]):
        shown = run(words, bare)
        assert shown.returncode == 0
        for command, extra in EXTRAS.items():
            assert f"{command:16} pip install 'agentsight-otel[{extra}]'" in shown.stdout


@pytest.mark.parametrize("command", ["up", "metrics"])
def test_a_command_of_a_bare_install_names_its_extra(command: str) -> None:
    done = run([command], OF_CLICKHOUSE + OF_LOCAL)
    assert done.returncode == 1
    assert f"agentsight-otel {command} needs" in done.stderr
    assert f"run: pip install 'agentsight-otel[{EXTRAS[command]}]'" in done.stderr


def test_up_without_its_extra_says_so() -> None:
    done = run(["up"], OF_LOCAL)
    assert done.returncode == 1
    assert "agentsight-otel up needs" in done.stderr
    assert "run: pip install 'agentsight-otel[local]'" in done.stderr
    assert run(["--help"], OF_LOCAL).returncode == 0


def test_every_command_has_its_extra() -> None:
    assert set(EXTRAS) == set(cli.commands)
