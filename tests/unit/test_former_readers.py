"""What AgentSight's clients had besides their calls: pages, counts, ``config``; and whom the manager asks about ids."""

import time
from typing import Any

import pytest

import agentsight_otel as agentsight
from agentsight_otel import agentsight_api, conversation_manager, conversation_tracker, testing
from agentsight_otel.api import PageIterator
from agentsight_otel.compat import former_config, reader, unknown
from agentsight_otel.compat.filters import where
from agentsight_otel.config import Config


def test_pages_lead_on_and_count_whatever_they_list() -> None:
    asked: list[int] = []

    def fetch(query: dict[str, Any]) -> dict[str, Any]:
        asked.append(query["page"])
        first = (query["page"] - 1) * query["page_size"]
        return {"results": list(range(first, min(first + query["page_size"], 5))), "count": 5}

    listed = PageIterator(fetch, page_size=2)
    assert listed.count() == 5 and asked == [1]
    assert [(page.previous, page.results, page.next) for page in listed.pages()] == [
        (None, [0, 1], "?page=2&page_size=2"),
        ("?page=1&page_size=2", [2, 3], "?page=3&page_size=2"),
        ("?page=2&page_size=2", [4], None),
    ]


def test_tracker_manager_and_reader_show_a_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(former_config, "_of_process", None)
    monkeypatch.setenv("AGENTSIGHT_LOG_LEVEL", "ERROR")
    for each in (conversation_tracker, conversation_manager, agentsight_api):
        assert isinstance(each.config, Config) and each.config.log_level.value == "ERROR"  # type: ignore[union-attr]
    with testing.capture(), agentsight.conversation("c"):
        assert conversation_tracker.config.conversation_id == "c"


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ("plan:gold, customer.tier:1", [["plan", "gold"], ["customer", "tier", "1"]]),
        ({"plan": "gold", "customer": {"tier": 1}}, [["plan", "gold"], ["customer", "tier", "1"]]),
        ({"a.b": True, "none": None, "list": [1, "x"]}, [["a.b", "true"], ["none", "null"], ["list", '[1,"x"]']]),
        ({}, []),
        (None, []),
    ],
)
def test_metadata_is_matched_as_text_or_as_a_mapping(metadata: object, expected: list[list[str]]) -> None:
    conditions, parameters = where({}, metadata)
    assert len(conditions) == len(expected)
    assert list(parameters.values()) == [part for path in expected for part in path]


@pytest.mark.parametrize("metadata", ["plan", ":gold", 7, ["plan"]])
def test_metadata_that_is_neither_is_refused(metadata: object) -> None:
    with pytest.raises(ValueError, match="expected key:value, several separated by commas, or a mapping"):
        where({}, metadata)


def test_the_manager_asks_the_database_of_the_settings_whether_it_knows_an_id(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[str] = []

    def knows(self: object, conversation_id: str) -> bool:
        asked.append(conversation_id)
        return False

    monkeypatch.setattr(reader.AgentSightAPI, "knows", knows)
    monkeypatch.setattr(unknown, "_knows", None)
    monkeypatch.setattr(unknown, "_WAIT_S", -1.0)
    with testing.capture():
        conversation_manager.rename_conversation("misspelt", "Order")
    assert asked == []
    with testing.capture(clickhouse_url="http://localhost:9/agentsight"):
        conversation_manager.rename_conversation("misspelt", "Order")
        deadline_s = time.monotonic() + 60
        while "nothing else was ever recorded of it" not in caplog.text and time.monotonic() < deadline_s:
            time.sleep(0.01)
    assert asked == ["misspelt"]
    assert "conversation 'misspelt': nothing else was ever recorded of it" in caplog.text
