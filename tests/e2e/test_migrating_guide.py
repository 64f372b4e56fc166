"""The rows of docs/migrating.md that read: every call of the reader and of 0.1's client, against a ClickHouse."""

from collections.abc import Iterator

import pytest

import agentsight_otel
from agentsight_otel import AgentSightAPI, conversation_tracker
from agentsight_otel.api import AgentSight, Page, PageIterator
from agentsight_otel.clickhouse import schema
from agentsight_otel.exceptions import MethodNotAllowedError, NotFoundError, ValidationError
from agentsight_otel.local import EmbeddedClickHouse
from tests.migrating_guide import rows


@pytest.fixture(scope="module")
def url(clickhouse_server: EmbeddedClickHouse) -> Iterator[str]:
    url = clickhouse_server.url("migrating_guide")
    schema.apply(url)
    agentsight_otel.init(clickhouse_url=url, environment="prod")
    conversation_tracker.get_or_create_conversation(
        "c", device="mobile", name="An order", metadata={"plan": "gold", "seats": 3}
    )
    conversation_tracker.track_human_message("Where is my order?", metadata={"id": 1})
    conversation_tracker.track_action("find_order", duration_ms=5, response="shipped")
    conversation_tracker.track_token_usage(100, 25, 125)
    conversation_tracker.track_agent_message(
        "On its way.", attachments=[{"filename": "a.txt", "mime_type": "text/plain", "data": "aGk="}]
    )
    conversation_tracker.send_tracked_data()
    agentsight_otel.feedback("positive", comment="Thanks!", conversation_id="c")
    assert agentsight_otel.flush()
    yield url
    agentsight_otel.shutdown()


@pytest.mark.parametrize(("call", "says"), rows("`agentsight_api`"))
def test_a_call_of_the_reader_returns_what_the_guide_says(url: str, call: str, says: str) -> None:
    found = eval(f"api.{call}", {"api": AgentSightAPI(clickhouse_url=url)})
    if "results" in found:
        assert [each["id"] for each in found["results"]] == ["c"]
    else:
        assert found["conversation_id"] == "c" and found["messages"]


def test_attachments_stand_on_the_message_that_they_came_with(url: str) -> None:
    messages = AgentSightAPI(clickhouse_url=url).fetch_conversation("c")["messages"]
    assert [(each["content"] or each["action_name"], len(each["attachments"])) for each in messages] == [
        ("Where is my order?", 0),
        ("find_order", 0),
        ("On its way.", 1),
    ]


_FOUND = {
    "environments": ["production"],
    "conversations.metadata_keys": ["plan", "seats"],
    "conversations.metadata_values": ["gold"],
    "conversations.message_metadata_keys": ["id"],
    "conversations.resolve": "c",
}
_LISTED = {
    "conversations.list": ["c"],
    "conversations.list_full": ["c"],
    "actions.list": ["find_order"],
    "tickets.list": [],
    "tickets.page": [],
}


@pytest.mark.parametrize(("call", "says"), rows("`AgentSight`"))
def test_a_call_of_the_client_of_0_1_returns_what_the_guide_says(url: str, call: str, says: str) -> None:
    name = call.partition("(")[0]
    with AgentSight(clickhouse_url=url) as client:
        found = eval(f"client.{call}", {"client": client})
    if isinstance(found, (Page, PageIterator)):
        ids = [each["id"] for each in found]
        assert ids == _LISTED.get(name, ids) and (ids or name.startswith(("tickets.", "usage.")))
    elif name in ("remember", "forget", "close"):
        assert found is None
    else:
        assert found and found == _FOUND.get(name, found)


def test_what_the_store_does_not_have_is_refused_by_name(url: str) -> None:
    client = AgentSight(clickhouse_url=url)
    for call in (
        lambda: client.tickets.create("broken"),
        lambda: client.feedbacks.create_for_agent("positive"),
        lambda: client.messages.update("m", metadata={}),
    ):
        with pytest.raises(MethodNotAllowedError):
            call()
    for missing in (
        lambda: client.conversations.get("nobody"),
        lambda: client.spans.get("0"),
        lambda: client.tickets.get(1),
    ):
        with pytest.raises(NotFoundError) as raised:
            missing()
        assert raised.value.status_code == 404
    for wrong in (
        lambda: client.feedbacks.list(agent="a"),
        lambda: client.spans.list(ordering="colour"),
        lambda: list(client.conversations.list(colour="red")),
        lambda: client.conversations.rename("c", ""),
        lambda: list(client.spans.list(colour="red")),
        lambda: client.usage.summary("moon"),
    ):
        with pytest.raises(ValidationError):
            wrong()


def test_a_trace_is_a_tree_and_pages_lead_on(url: str) -> None:
    client = AgentSight(clickhouse_url=url)
    tool = client.spans.list(kind="tool").first()
    trace = client.spans.trace(tool["trace_id"])
    turn = next(root for root in trace["roots"] if root["kind"] == "turn")
    assert [child["name"] for child in turn["children"]] == ["execute_tool find_order", "chat", "attachment"]
    assert client.spans.get(tool["id"])["duration_ms"] == 5
    spans = client.spans.list(conversation_id="c", page_size=2)
    assert len(list(spans)) == spans.page(2).count == trace["span_count"]
    message = client.conversations.get("c")["messages"][0]
    assert client.messages.get(message["id"]) == message


def test_a_change_is_read_back(url: str) -> None:
    client = AgentSight(clickhouse_url=url)
    client.conversations.update_metadata("c", {"vip": True}, remove=["seats"])
    assert agentsight_otel.flush()
    assert client.conversations.get("c")["metadata"] == {"plan": "gold", "vip": True}
