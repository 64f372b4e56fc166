"""The reference page names all that is public, with the parameters that it has."""

import inspect
import re
from pathlib import Path

import pytest

import agentsight_otel as agentsight
from agentsight_otel import concurrency
from agentsight_otel._core.config import Settings
from agentsight_otel._recording.generation import GenerationSpan
from agentsight_otel._recording.turns import TurnSpan

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reference.md").read_text()
SECTIONS = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
FUNCTIONS = [name for name in agentsight.__all__ if inspect.isfunction(getattr(agentsight, name))]


def members(kind: type) -> list[str]:
    own = [*vars(kind), *(name for base in kind.__mro__[1:2] for name in vars(base) if name == "result")]
    return [name for name in own if not name.startswith("_") and callable(getattr(kind, name))]


def test_every_public_name_is_there() -> None:
    assert [name for name in agentsight.__all__ if f"`{name}`" not in PAGE] == []
    threads = [
        name
        for name, kind in vars(concurrency).items()
        if inspect.isclass(kind) and kind.__module__ == concurrency.__name__
    ]
    assert [name for name in threads if not name.startswith("_") and f"`{name}`" not in PAGE] == []


def test_every_section_is_of_something_public() -> None:
    assert sorted(set(SECTIONS) - set(agentsight.__all__)) == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_a_section_that_names_its_parameters(name: str) -> None:
    parameters = inspect.signature(getattr(agentsight, name)).parameters
    assert [parameter for parameter in parameters if not re.search(rf"\b{parameter}\b", SECTIONS[name])] == []


def test_what_turns_and_model_calls_can_do_is_there() -> None:
    public = {"user_message", "agent_message", "wrap", "keep_open", "end", "abandon"}
    assert public <= set(members(TurnSpan))
    assert [name for name in public if name not in SECTIONS["turn"]] == []
    assert [name for name in members(GenerationSpan) if f"call.{name}" not in SECTIONS["generation"]] == []


def test_every_setting_stands_there_as_it_is() -> None:
    for name, field in Settings.__dataclass_fields__.items():
        row = "".join(re.findall(rf"^\| `{name}` \|.*$", PAGE, re.MULTILINE))
        assert row, f"docs/reference.md: the table of settings lacks {name}"
        assert [env for env in field.metadata["env"] if f"`{env}`" not in row] == []
        assert field.metadata["doc"] in row
