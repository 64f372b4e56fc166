"""An application written for AgentSight 0.0 runs unchanged: its spans, the metrics, and what it reads back."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from agentsight_otel import AgentSightAPI, SettingError, agentsight_api, metrics
from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse.client import ClickHouseConnectionError
from agentsight_otel.clickhouse.schema import SchemaNotApplied, apply
from agentsight_otel.exceptions import (
    AuthenticationError,
    ConversationApiException,
    ConversationNetworkException,
    ConversationTrackingException,
    NetworkError,
    NotFoundException,
    UnauthorizedException,
)
from agentsight_otel.local import EmbeddedClickHouse

APPLICATION = Path(__file__).with_name("application_0_0.py")


def run(program: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AGENTSIGHT", "OTEL"))}
    arguments = [str(program)] if isinstance(program, Path) else ["-c", program]
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=120, env={**clean, **environment}
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def url(clickhouse_server: EmbeddedClickHouse) -> Iterator[str]:
    url = clickhouse_server.url("agentsight_0_0")
    apply(url)
    done = run(
        APPLICATION,
        AGENTSIGHT_CLICKHOUSE_URL=url,
        AGENTSIGHT_API_KEY="ags_0123456789abcdef0123456789abcdef_012345",
        AGENTSIGHT_API_ENDPOINT="https://api.example.org",
    )
    assert done.stdout == "3 0\n"
    yield url
    with clickhouse_client.connect(url, database="default") as client:
        client.command("DROP DATABASE agentsight_0_0 SYNC")


@pytest.fixture
def api(url: str) -> AgentSightAPI:
    return AgentSightAPI(clickhouse_url=url)


def test_every_metric_is_what_the_application_did(url: str) -> None:
    now = datetime.now(timezone.utc)
    window = metrics.Window(now - timedelta(hours=1), now + timedelta(hours=1))
    found = metrics.fetch(url, window).metrics
    single = {view: rows[0] for view, rows in found.items() if len(rows) == 1}
    assert single["metric_total_messages"] == {"messages": 11, "user_messages": 6, "agent_messages": 5}
    assert single["metric_total_conversations"] == {"conversations": 4}
    assert single["metric_agent_response_time"]["responses"] == 5
    assert single["metric_agent_response_time"]["unanswered"] == 1
    assert single["metric_individual_users"] == {"users": 1, "identified_conversations": 3, "conversations": 4}
    assert single["metric_human_escalation"] == {"escalated": 1, "conversations": 4, "rate": 0.25}
    assert single["metric_conversation_feedback"] == {
        "positive": 1,
        "neutral": 0,
        "negative": 1,
        "total": 2,
        "positive_rate": 0.5,
    }
    assert single["metric_unique_interaction"] == {"visits": 5, "engaged": 4, "rate": 0.8}
    tools = [(row["tool"], row["calls"], row["errors"], row["average_s"]) for row in found["metric_tool_usage"]]
    assert tools == [("database_lookup", 5, 1, pytest.approx(0.15)), ("contact_human", 1, 0, 0.0)]
    for view, column, values in (
        ("metric_device_usage", "device", {"mobile": 3, "unknown": 1}),
        ("metric_source", "source", {"web": 3, "unknown": 1}),
        ("metric_language", "language", {"en": 3, "unknown": 1}),
        ("metric_world_map", "country", {"unknown": 4}),
    ):
        assert {row[column]: row["conversations"] for row in found[view]} == values
    assert found["metric_conversation_duration"][0]["conversations"] == 3


def test_a_conversation_reads_as_a_whole_document(api: AgentSightAPI) -> None:
    found = api.fetch_conversation("conv-1")
    messages = found.pop("messages")
    feedbacks = found.pop("feedbacks")
    times = {key: found.pop(key) for key in ("started_at", "ended_at")}
    assert found == {
        "id": "conv-1",
        "conversation_id": "conv-1",
        "name": "Resolved: Password Reset",
        "customer_id": "user-456",
        "customer_ip_address": "203.0.113.0",
        "device": "mobile",
        "source": "web",
        "language": "en",
        "environment": "production",
        "is_marked": True,
        "is_deleted": False,
        "is_used": True,
        "deleted_at": None,
        "metadata": {"customer": {"tier": "gold"}, "priority": 1},
        "geo_location": {"ip_address": "203.0.113.0", "city": None, "country": None},
    }
    assert times["started_at"] < times["ended_at"] and times["started_at"].endswith("Z")
    assert sorted(message["timestamp"] for message in messages) == [message["timestamp"] for message in messages]
    assert [
        message["content"] or message["action_name"] or next(key for key in ("button", "attachments") if message[key])
        for message in messages
    ] == [
        *("How do I reset my password?", "database_lookup", "Click the link."),
        *("Which link?", "database_lookup", "Let me ask a person."),
        *("contact_human", "button", "attachments"),
        *("Thanks", "database_lookup", "Bye"),
    ]
    (first, *_) = messages
    assert first["sender"] == "end_user" and first["metadata"] == {"message_id": "msg_001"}
    logs = [message["action_logs"][0] for message in messages if message["action_name"] == "database_lookup"]
    assert [(log["duration_ms"], log["tools_used"], log["response"], log["error_message"]) for log in logs] == [
        (150.0, {"database": "users_db"}, "User found", error) for error in ("", "no link", "")
    ]
    (button,) = [message["button"] for message in messages if message["button"]]
    assert button == {"button_event": "confirm", "label": "Yes", "value": "yes", "metadata": {}}
    (attachments,) = [message["attachments"] for message in messages if message["attachments"]]
    (attachment,) = attachments
    assert attachment == {
        "id": attachment["id"],
        "filename": "a.pdf",
        "mime_type": "application/pdf",
        "size_bytes": 5,
        "file_url": None,
    }
    listed = api.fetch_conversation_attachments("conv-1")
    assert (listed["total_attachments"], listed["messages"][0]["attachments"]) == (1, [attachment])
    assert [(feedback["sentiment"], feedback["source"], feedback["comment"]) for feedback in feedbacks] == [
        ("positive", "customer", "Very helpful!")
    ]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["conv-4", "conv-2", "conv-1", "left"]),
        ({"include_deleted": True}, ["conv-4", "conv-3", "conv-2", "conv-1", "left"]),
        ({"conversation_id": "conv-2"}, ["conv-2"]),
        ({"customer_id": "user-456"}, ["conv-2", "conv-1"]),
        ({"customer_id__icontains": "USER"}, ["conv-2", "conv-1"]),
        ({"customer_ip_address": "203.0.113.45"}, ["conv-2", "conv-1"]),
        ({"customer_ip_address": "203.0.114.1"}, []),
        ({"device": "Mobile"}, ["conv-2", "conv-1", "left"]),
        ({"language": "en-GB"}, ["conv-2", "conv-1", "left"]),
        ({"environment": "production"}, ["conv-2", "conv-1"]),
        ({"environment": "unknown"}, ["conv-4", "left"]),
        ({"source": "viber"}, []),
        ({"has_messages": True}, ["conv-4", "conv-2", "conv-1"]),
        ({"has_messages": False}, ["left"]),
        ({"is_marked": True}, ["conv-1"]),
        ({"is_marked": False, "has_messages": True}, ["conv-4", "conv-2"]),
        ({"name": "password"}, ["conv-1"]),
        ({"action_name": "contact_human"}, ["conv-1"]),
        ({"action_name": "contact"}, []),
        ({"message_contains": "WHICH link"}, ["conv-1"]),
        ({"message_contains": "100%' OR 1 -- \\"}, []),
        ({"has_feedback": True}, ["conv-2", "conv-1"]),
        ({"has_feedback": False}, ["conv-4", "left"]),
        ({"feedback_sentiment": "negative"}, ["conv-2"]),
        ({"feedback_source": "customer", "feedback_sentiment": "positive"}, ["conv-1"]),
        ({"feedback_source": "platform"}, []),
        ({"metadata": "customer.tier:gold"}, ["conv-1"]),
        ({"metadata": "customer.tier:gold,priority:1"}, ["conv-1"]),
        ({"metadata": "customer.tier:gold,priority:2"}, []),
        ({"metadata": "status:resolved"}, ["conv-2"]),
        ({"env": "prod"}, ["conv-2", "conv-1"]),
        ({"has_action": True}, ["conv-2", "conv-1"]),
        ({"has_action": False}, ["conv-4", "left"]),
        ({"include_tickets": True}, []),
        ({"include_tickets": False}, ["conv-4", "conv-2", "conv-1", "left"]),
        ({"metadata_key": "status"}, ["conv-2"]),
        ({"metadata_value": "resolved"}, ["conv-2"]),
        ({"metadata_value": "1"}, ["conv-1"]),
        ({"search": "password"}, ["conv-1"]),
        ({"search": "WHICH link"}, ["conv-1"]),
        ({"search": "USER-456"}, ["conv-2", "conv-1"]),
        ({"ordering": "conversation_id"}, ["conv-1", "conv-2", "conv-4", "left"]),
        ({"ordering": "-customer_id,started_at"}, ["conv-1", "conv-2", "left", "conv-4"]),
        ({"page": "1", "page_size": "2"}, ["conv-4", "conv-2"]),
        ({"started_at_after": datetime(2020, 1, 1)}, ["conv-4", "conv-2", "conv-1", "left"]),
        ({"started_at_after": "2099-01-01T00:00:00Z"}, []),
        ({"started_at_before": "2020-01-01T00:00:00"}, []),
    ],
)
def test_filters_find_what_they_say(api: AgentSightAPI, filters: dict[str, Any], expected: list[str]) -> None:
    found = api.fetch_conversations(**filters)
    assert [result["conversation_id"] for result in found["results"]] == expected
    assert found["count"] == len(expected) or "page" in filters


def test_pages_lead_to_one_another(api: AgentSightAPI) -> None:
    pages = [api.fetch_conversations(page=page, page_size=3, include_deleted=True) for page in (1, 2, 3)]
    assert [[result["id"] for result in page["results"]] for page in pages] == [
        ["conv-4", "conv-3", "conv-2"],
        ["conv-1", "left"],
        [],
    ]
    assert [(page["count"], page["next"], page["previous"]) for page in pages] == [
        (5, "?page=2&page_size=3", None),
        (5, None, "?page=1&page_size=3"),
        (5, None, "?page=2&page_size=3"),
    ]


def test_deleted_and_unknown_conversations_are_not_found(api: AgentSightAPI) -> None:
    (deleted,) = api.fetch_conversations(conversation_id="conv-3", include_deleted=True)["results"]
    assert deleted["is_deleted"] and deleted["deleted_at"]
    for conversation_id in ("conv-3", "never seen", 42, ""):
        with pytest.raises(NotFoundException):
            api.fetch_conversation(conversation_id)


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ({"has_ticket": True}, "filter 'has_ticket': expected one of conversation_id"),
        ({"feedback_sentiment": "glad"}, "feedback_sentiment: 'glad': expected one of positive, neutral, negative"),
        ({"has_messages": "perhaps"}, "has_messages: 'perhaps': expected True or False"),
        ({"started_at_after": "soon"}, "started_at_after: 'soon': expected a time in ISO 8601"),
        ({"customer_ip_address": "home"}, "customer_ip_address: 'home': expected an IP address"),
        ({"metadata": "priority"}, "metadata: 'priority': expected key:value"),
        ({"ordering": "shoe size"}, "ordering: 'shoe size': expected one of started_at"),
        ({"page": 0}, "page: 0: expected a whole number from 1"),
        ({"page_size": "ten"}, "page_size: 'ten': expected a whole number from 1"),
    ],
)
def test_a_wrong_filter_is_an_error_that_says_so(api: AgentSightAPI, filters: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        api.fetch_conversations(**filters)


def test_reading_says_what_is_missing(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AGENTSIGHT_CLICKHOUSE_URL", raising=False)
    with pytest.raises(SettingError, match="clickhouse_url: not set"):
        AgentSightAPI().fetch_conversations()
    with pytest.raises(SettingError, match="clickhouse_url: ClickHouse URL 'nowhere'"):
        AgentSightAPI(clickhouse_url="nowhere")
    with pytest.raises((SchemaNotApplied, ClickHouseConnectionError)):
        AgentSightAPI(clickhouse_url=empty_url).fetch_conversations()
    for conversation_id in (None, True, 1.5):
        with pytest.raises(ValueError, match="conversation_id: expected a text"):
            AgentSightAPI(clickhouse_url=empty_url).fetch_conversation(conversation_id)  # type: ignore[arg-type]


def test_the_names_of_the_old_exceptions_catch_what_cannot_be_reached_or_refuses_the_login(url: str) -> None:
    away = AgentSightAPI(clickhouse_url="http://127.0.0.1:1/agentsight")
    for name in (ConversationNetworkException, ConversationTrackingException, NetworkError, ClickHouseConnectionError):
        with pytest.raises(name, match="no ClickHouse answers"):
            away.fetch_conversation("conv-1")
    host = url.split("@")[-1].removeprefix("http://")
    refused = AgentSightAPI(clickhouse_url=f"http://nobody:wrong@{host}")
    for name in (UnauthorizedException, ConversationApiException, AuthenticationError, ClickHouseConnectionError):
        with pytest.raises(name) as raised:
            refused.fetch_conversations()
        assert raised.value.status_code == 401  # type: ignore[attr-defined]


def test_there_is_one_reader() -> None:
    assert AgentSightAPI("key", endpoint="x") is agentsight_api


def test_importing_imports_nothing_of_clickhouse() -> None:
    run(
        "import sys; import agentsight_otel as agentsight\n"
        "from agentsight_otel import conversation_tracker, ConversationTracker, conversation_manager\n"
        "other_half = ('clickhouse_connect', 'agentsight_otel.compat.reader', 'agentsight_otel.clickhouse.schema')\n"
        "loaded = [name for name in sys.modules if name.startswith(other_half)]\n"
        "assert not loaded, loaded\n"
        "from agentsight_otel import agentsight_api, AgentSightAPI\n"
        "assert isinstance(agentsight_api, AgentSightAPI) and agentsight.agentsight_api is agentsight_api\n"
        "assert 'clickhouse_connect' not in sys.modules\n"
    )


def test_a_wrong_environment_is_said_and_breaks_nothing() -> None:
    done = run(
        "import logging; logging.basicConfig()\n"
        "from agentsight_otel import conversation_tracker as tracker\n"
        "tracker.get_or_create_conversation('c1'); tracker.track_human_message('hi'); tracker.send_tracked_data()\n",
        AGENTSIGHT_IP_POLICY="sometimes",
    )
    assert "AGENTSIGHT_IP_POLICY: 'sometimes': expected one of full, truncate, drop" in done.stderr
    assert done.stderr.count("failed while starting") == 1
