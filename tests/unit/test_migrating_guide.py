"""docs/migrating.md is held to what it says: every row of its tables of calls runs, and what it names exists."""

import re
from pathlib import Path
from typing import Any

import pytest

import agentsight_otel
from agentsight_otel import (
    ConversationManager,
    ConversationTracker,
    conversation_manager,
    conversation_tracker,
    testing,
)
from agentsight_otel._core.config import Settings
from agentsight_otel.compat.tracking import backlog
from tests.migrating_guide import GUIDE, rows

EXAMPLES = [code for code in re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL) if "AgentSight()" not in code]


def test_the_examples_record_what_the_guide_says(monkeypatch: pytest.MonkeyPatch) -> None:
    (former, newer) = EXAMPLES
    with testing.capture() as spans:
        exec(former, {})
        assert spans.names() == ["conversation_started", "execute_tool find_order", "invoke_agent", "feedback"]
    with testing.capture() as spans:
        monkeypatch.setattr(agentsight_otel, "init", lambda: None)
        monkeypatch.setattr(agentsight_otel, "shutdown", lambda: None)
        exec(newer, {})
        assert [len(span.events) for span in spans.finished] == [2]


def recorded(says: str) -> list[str]:
    """The spans that a row names, before its first full stop or semicolon; none where it says nothing."""
    return [] if says.startswith("nothing") else re.findall(r"`([^`]+)`", re.split(r"[.;:]", says, maxsplit=1)[0])


@pytest.mark.parametrize(("call", "says"), rows("`conversation_tracker`"))
def test_a_call_of_the_tracker_records_what_the_guide_says(call: str, says: str) -> None:
    with testing.capture() as spans, agentsight_otel.conversation("c"):
        eval(f"tracker.{call}", {"tracker": conversation_tracker})
        conversation_tracker.send_tracked_data()
        assert spans.names() == recorded(says)


@pytest.mark.parametrize(("call", "says"), rows("`conversation_manager`"))
def test_a_call_of_the_manager_records_what_the_guide_says(call: str, says: str) -> None:
    with testing.capture() as spans:
        eval(f"manager.{call}", {"manager": conversation_manager})
        assert spans.names() == recorded(says)


@pytest.mark.parametrize(("call", "says"), rows("Recording"))
def test_a_call_of_0_1_records_what_the_guide_says(call: str, says: str) -> None:
    with testing.capture() as spans, agentsight_otel.conversation("c"):
        eval(f"agentsight.{call}", {"agentsight": agentsight_otel, "iter": iter})
        assert spans.names() == recorded(says)


@pytest.mark.parametrize(
    ("client", "title"),
    [(ConversationTracker, "`conversation_tracker`"), (ConversationManager, "`conversation_manager`")],
)
def test_the_tables_name_every_call(client: Any, title: str) -> None:
    named = {call.partition("(")[0] for call, _ in rows(title)}
    assert {name for name, member in vars(client).items() if not name.startswith("_") and callable(member)} == named


def test_what_it_says_of_settings_and_bounds_is_so() -> None:
    read = {env for field in Settings.__dataclass_fields__.values() for env in field.metadata["env"]}
    told = set(re.findall(r"AGENTSIGHT_[A-Z_]+", GUIDE))
    assert told - read == {
        "AGENTSIGHT_API_KEY",
        "AGENTSIGHT_TOKEN_HANDLER_TYPE",
        "AGENTSIGHT_APP_URL",
        "AGENTSIGHT_LOG_LEVEL",
        "AGENTSIGHT_FILE_EXPORTER",
    }
    assert f"{backlog.MAX_ITEMS:,} items or {backlog.MAX_BYTES // 2**20} MiB" in GUIDE


def test_what_it_links_to_is_there() -> None:
    docs = Path(__file__).parents[2] / "docs"
    for target in re.findall(r"\]\(([^)#:]+\.md)\)", GUIDE):
        assert (docs / target).resolve().is_file(), target
