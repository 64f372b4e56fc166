"""docs/migrating.md is held to what it says: its examples run, and what it names exists."""

import re
from pathlib import Path

import pytest

import agentsight_otel
from agentsight_otel import ConversationManager, ConversationTracker, testing
from agentsight_otel.config import Settings
from agentsight_otel.tracking import backlog

GUIDE = (Path(__file__).parents[2] / "docs" / "migrating.md").read_text()
EXAMPLES = [code for code in re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL) if "agentsight_api" not in code]


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


def test_the_table_names_every_call_that_records() -> None:
    table = GUIDE[GUIDE.index("| call | span |") : GUIDE.index("What differs")]
    named = set(re.findall(r"`([a-z_]+)`", table)) | {f"{verb}_conversation" for verb in ("rename", "mark", "update")}
    for client in (ConversationTracker, ConversationManager):
        recording = {name for name in vars(client) if not name.startswith(("_", "get_t", "send_", "configure"))}
        assert recording <= named, recording - named


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
