"""The tracker's spans: exchanges as turns, with everything in them at its own time."""

import base64
import io
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

import agentsight_otel as agentsight
from agentsight_otel import conversation_tracker, testing
from agentsight_otel._tracing import ids
from agentsight_otel.enums import AttachmentMode, Environment, Sender

pytestmark = pytest.mark.usefixtures("nothing_left_over")


def outline(node: dict[str, Any]) -> Any:
    """A span as (name, from, to, what its events say, children)."""
    said = [
        (event["at_s"], event["agentsight.message.sender"], event["agentsight.message.content"])
        for event in node["events"]
    ]
    return (node["name"], node["start_s"], node["end_s"], said, [outline(child) for child in node["children"]])


def test_an_exchange_is_a_turn_with_everything_in_it_at_its_own_time() -> None:
    with testing.capture() as spans:
        conversation_tracker.get_or_create_conversation(
            conversation_id="c1", customer_id="u1", device="mobile", source="web", language="en-US", name="Order"
        )
        conversation_tracker.track_human_message(message="Where is my order?", metadata={"id": 1})
        conversation_tracker.track_action(
            "find_order",
            started_at="2023-11-14T22:13:20.500Z",
            duration_ms=250,
            tools_used={"order": 7},
            response="shipped",
            metadata={"try": 1},
        )
        conversation_tracker.track_action(action_name="open_ticket", error_msg="no agent")
        conversation_tracker.track_token_usage(100, 25, 125, embedding_tokens=8)
        conversation_tracker.track_agent_message("On its way.")
        conversation_tracker.track_button("confirm", "Yes", "yes")
        conversation_tracker.track_attachments(
            [{"filename": "a.pdf", "mime_type": "application/pdf", "data": base64.b64encode(b"12345").decode()}],
            sender=Sender.USER,
        )
        conversation_tracker.track_agent_message("Thanks.")
        assert spans.names() == ["conversation_started"]
        conversation_tracker.send_tracked_data()
        tree = spans.tree()
    assert [outline(node) for node in tree] == [
        ("conversation_started", 0.0, 0.0, [], []),
        (
            "invoke_agent",
            2.0,
            6.0,
            [(2.0, "end_user", "Where is my order?"), (6.0, "agent", "On its way.")],
            [
                ("execute_tool find_order", 0.5, 0.75, [], []),
                ("execute_tool open_ticket", 4.0, 4.0, [], []),
                ("chat", 5.0, 5.0, [], []),
                ("embeddings", 5.0, 5.0, [], []),
            ],
        ),
        (
            "invoke_agent",
            7.0,
            9.0,
            [(9.0, "agent", "Thanks.")],
            [("button confirm", 7.0, 7.0, [], []), ("attachment", 8.0, 8.0, [], [])],
        ),
    ]


def test_every_span_bears_the_conversation_and_what_was_said_of_it() -> None:
    with testing.capture(geoip_database=None) as spans:
        conversation_tracker.get_or_create_conversation(
            "c1", "u1", "203.0.113.45", "Tablet", "WhatsApp", "el", "Order", "production", {"plan": "gold"}
        )
        conversation_tracker.track_human_message("hi", metadata={"id": 1})
        conversation_tracker.track_action(
            "find_order", duration_ms=2, tools_used={"a": [1]}, response="ok", error_msg="late", metadata={"m": 1}
        )
        conversation_tracker.track_button("confirm", "Yes", "y", {"b": 2})
        conversation_tracker.track_token_usage(prompt_tokens=10, completion_tokens=5, total_tokens=15)
        conversation_tracker.track_token_usage(total_tokens=9)
        conversation_tracker.send_tracked_data()
        finished = spans.finished
    shared = {
        "gen_ai.conversation.id": "c1",
        "user.id": "u1",
        "client.address": "203.0.113.0",
        "agentsight.conversation.device": "tablet",
        "agentsight.conversation.source": "whatsapp",
        "agentsight.conversation.language": "el",
        "agentsight.conversation.name": "Order",
        "agentsight.conversation.metadata": '{"plan":"gold"}',
        "deployment.environment.name": "production",
    }
    own = []
    for span in finished:
        assert span.context is not None and span.context.trace_id == ids.trace_id("c1")
        attributes = dict(span.attributes or {})
        assert {key: attributes.pop(key, None) for key in shared} == shared
        attributes.pop("agentsight.turn.id", None)
        own.append((span.name, span.status.status_code.name, span.status.description, attributes))
    assert own == [
        ("conversation_started", "UNSET", None, {"agentsight.span.kind": "conversation"}),
        (
            "execute_tool find_order",
            "ERROR",
            "late",
            {
                "agentsight.span.kind": "tool",
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "find_order",
                "gen_ai.tool.call.arguments": '{"a":[1]}',
                "gen_ai.tool.call.result": "ok",
                "agentsight.metadata": '{"m":1}',
                "error.type": "_OTHER",
            },
        ),
        (
            "button confirm",
            "UNSET",
            None,
            {
                "agentsight.span.kind": "button",
                "agentsight.button.event": "confirm",
                "agentsight.button.label": "Yes",
                "agentsight.button.value": "y",
                "agentsight.metadata": '{"b":2}',
            },
        ),
        (
            "chat",
            "UNSET",
            None,
            {
                "agentsight.span.kind": "llm",
                "gen_ai.operation.name": "chat",
                "gen_ai.usage.input_tokens": 10,
                "gen_ai.usage.output_tokens": 5,
            },
        ),
        (
            "chat",
            "UNSET",
            None,
            {
                "agentsight.span.kind": "llm",
                "gen_ai.operation.name": "chat",
                "agentsight.metadata": '{"total_tokens":9}',
            },
        ),
        (
            "invoke_agent",
            "UNSET",
            None,
            {"agentsight.span.kind": "turn", "gen_ai.operation.name": "invoke_agent", "agentsight.turn.complete": True},
        ),
    ]
    (message,) = finished[-1].events
    assert dict(message.attributes or {})["agentsight.message.metadata"] == '{"id":1}'


def test_attachments_are_described_and_never_kept(tmp_path: Path) -> None:
    file = tmp_path / "c.txt"
    file.write_bytes(b"123")
    with testing.capture() as spans, file.open("rb") as opened:
        conversation_tracker.get_or_create_conversation("c1")
        conversation_tracker.track_human_message(
            "see", [{"filename": "a.png", "mime_type": "image/png", "data": base64.b64encode(b"1234").decode()}]
        )
        conversation_tracker.track_attachments(
            [
                {"filename": "b.bin", "data": b"12"},
                {"filename": "b.io", "data": io.BytesIO(b"1"), "content_type": "text/plain"},
                {"filename": "c.txt", "data": opened},
                {"data": object()},
            ],
            Sender.AGENT,
            {"m": 1},
            AttachmentMode.FORM_DATA,
        )
        waiting = conversation_tracker.get_tracked_data_summary()["items"][-1]
        assert opened.tell() == 0
        conversation_tracker.send_tracked_data()
        first, second = (span for span in spans.finished if span.name == "attachment")
    assert (
        dict(first.attributes or {})["agentsight.attachment.files"] == '[{"name":"a.png","type":"image/png","size":4}]'
    )
    attributes = dict(second.attributes or {})
    assert attributes["agentsight.attachment.files"] == (
        '[{"name":"b.bin","size":2},{"name":"b.io","type":"text/plain","size":1},{"name":"c.txt","size":3},{}]'
    )
    assert attributes["agentsight.attachment.count"] == 4
    assert attributes["agentsight.attachment.sender"] == "agent"
    assert attributes["agentsight.metadata"] == '{"m":1}'
    assert waiting["preview"] == {
        "count": 4,
        "mode": "form_data",
        "sender": "agent",
        "files": ["b.bin", "b.io", "c.txt", "... and 1 more"],
    }


def test_an_unanswered_exchange_is_complete_when_sent_and_incomplete_at_shutdown() -> None:
    for at_shutdown in (False, True):
        with testing.capture() as spans:
            conversation_tracker.get_or_create_conversation("c1")
            conversation_tracker.track_human_message("one")
            conversation_tracker.track_agent_message("two")
            conversation_tracker.track_human_message("three")
            if at_shutdown:
                agentsight.shutdown()
            else:
                conversation_tracker.send_tracked_data()
        turns = [dict(span.attributes or {}) for span in spans.finished if span.name == "invoke_agent"]
        assert [
            (turn["agentsight.turn.complete"], turn.get("agentsight.turn.incomplete_reason")) for turn in turns
        ] == [
            (True, None),
            (False, "shutdown") if at_shutdown else (True, None),
        ]


def test_a_turn_links_to_the_span_that_was_active_when_the_exchange_began() -> None:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("host")
    with testing.capture() as spans:
        conversation_tracker.get_or_create_conversation("c1")
        with tracer.start_as_current_span("POST /chat") as host:
            conversation_tracker.track_human_message("hi")
        with tracer.start_as_current_span("background"):
            conversation_tracker.send_tracked_data()
        turn = spans.named("invoke_agent")
    assert turn.parent is None
    assert [link.context.span_id for link in turn.links] == [host.get_span_context().span_id]


def test_the_deployments_environment_counts_before_the_conversations() -> None:
    def environment(given: Environment | str | None = None, **settings: Any) -> object:
        with testing.capture(**settings) as spans:
            conversation_tracker.get_or_create_conversation(f"{given} {settings}", environment=given)
            return dict(spans.finished[0].attributes or {}).get("deployment.environment.name")

    assert environment() is None
    assert environment("production") == "production"
    assert environment(Environment.PRODUCTION) == "production"
    assert environment(Environment.DEVELOPMENT, environment="production") is None
    assert environment(resource_attributes={"deployment.environment": "staging"}) is None


def test_metadata_may_stand_where_the_documentation_shows_it() -> None:
    with testing.capture() as spans:
        conversation_tracker.get_or_create_conversation("c1", "u1", "", "desktop", "web", "en", {"plan": "gold"})
        attributes = dict(spans.finished[0].attributes or {})
    assert attributes["agentsight.conversation.metadata"] == '{"plan":"gold"}'
    assert "agentsight.conversation.name" not in attributes


def test_a_visit_becomes_current_only_where_nothing_is() -> None:
    with testing.capture() as spans:
        conversation_tracker.initialize_conversation("visit", device="mobile")
        conversation_tracker.track_agent_message("How can I help?")
        assert conversation_tracker.get_tracked_data_summary()["conversation_id"] == "visit"
        conversation_tracker.get_or_create_conversation("c1")
        conversation_tracker.initialize_conversation("other visit")
        conversation_tracker.track_human_message("hi")
        assert conversation_tracker.get_tracked_data_summary()["conversation_id"] == "c1"
        assert spans.names() == ["conversation_opened", "conversation_started", "conversation_opened"]
