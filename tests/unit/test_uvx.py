"""Under uvx the command is run once more, with the extra that it needs; nothing is run again by anybody else."""

import os
import sys
from typing import Any

import pytest

from agentsight_otel.cli import missing

NO_CLICK = ModuleNotFoundError("No module named 'click'", name="click")


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    found: list[list[str]] = []

    def execv(path: str, arguments: list[str]) -> Any:
        found.append(arguments)

    monkeypatch.setattr(os, "execv", execv)
    monkeypatch.setattr(sys, "argv", ["agentsight-otel", "up", "--demo"])
    monkeypatch.delenv("AGENTSIGHT_UV_TRIED", raising=False)
    return found


def test_uvx_gets_the_extra_of_the_command(executed: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV", "/usr/bin/uv")
    with pytest.raises(SystemExit):
        missing.without_libraries(NO_CLICK)
    (arguments,) = executed
    assert arguments[:4] == ["/usr/bin/uv", "tool", "run", "--from"]
    assert arguments[4].startswith("agentsight-otel[local]")
    assert arguments[5:] == ["agentsight-otel", "up", "--demo"]
    with pytest.raises(SystemExit):  # not for ever, where that does not help
        missing.without_libraries(NO_CLICK)
    assert len(executed) == 1


def test_without_uv_it_is_said_what_to_install(
    executed: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("UV", raising=False)
    with pytest.raises(SystemExit):
        missing.without_libraries(NO_CLICK)
    assert executed == []
    assert "pip install 'agentsight-otel[local]'" in capsys.readouterr().err
