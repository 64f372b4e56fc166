"""What the tracker returns: what was sent, what waits, and the tokens that were counted."""

import pytest

from agentsight_otel import conversation_tracker, testing
from agentsight_otel._tracing import ids
from agentsight_otel.compat.tracking.tracked import TRACKED
from agentsight_otel.enums import Environment

pytestmark = pytest.mark.usefixtures("nothing_left_over")


def test_what_waits_and_what_was_sent_have_the_shapes_of_agentsight_0_0() -> None:
    with testing.capture():
        conversation_tracker.get_or_create_conversation("c1", "u1", name="Order", environment=Environment.PRODUCTION)
        conversation_tracker.track_human_message("x" * 120)
        conversation_tracker.track_action("look_up", duration_ms=150, tools_used={"db": "users"}, response="found")
        conversation_tracker.track_button("ok", "Yes", "y")
        conversation_tracker.track_agent_message("hello", metadata={"model": "m"})
        waiting = conversation_tracker.get_tracked_data_summary()
        sent = conversation_tracker.send_tracked_data()
        nothing_waits = conversation_tracker.get_tracked_data_summary()
        nothing_sent = conversation_tracker.send_tracked_data()
    assert waiting["conversation_id"] == "c1"
    assert waiting["summary"] == {
        "conversation": 1,
        "questions": 1,
        "answers": 1,
        "attachments": 0,
        "actions": 1,
        "buttons": 1,
        "total": 5,
    }
    assert [(item["index"], item["type"], item["preview"]) for item in waiting["items"]] == [
        (
            0,
            "conversation",
            {"conversation_id": "c1", "customer_id": "u1", "name": "Order", "environment": "production"},
        ),
        (1, "question", {"content_preview": "x" * 100 + "...", "sender": "end_user", "has_metadata": False}),
        (2, "action", {"action_name": "look_up", "duration_ms": 150, "has_error": False, "has_response": True}),
        (3, "button", {"label": "Yes", "value": "y", "event": "ok"}),
        (4, "answer", {"content_preview": "hello", "sender": "agent", "has_metadata": True}),
    ]
    assert waiting["items"][2]["data"] == {
        "conversation_id": "c1",
        "action_name": "look_up",
        "metadata": {},
        "duration_ms": 150,
        "tools_used": {"db": "users"},
        "response": "found",
    }
    assert waiting["items"][4]["timestamp"] == "2023-11-14T22:13:25+00:00"
    trace_id = f"{ids.trace_id('c1'):032x}"
    assert sent == {
        "items": [
            {
                "index": index,
                "type": kind,
                "timestamp": f"2023-11-14T22:13:2{index + 1}+00:00",
                "response": {"conversation_id": "c1", "trace_id": trace_id},
                "success": True,
            }
            for index, kind in enumerate(["conversation", "question", "action", "button", "answer"])
        ],
        "summary": {"questions": 1, "answers": 1, "attachments": 0, "actions": 1, "buttons": 1, "errors": 0},
    }
    assert nothing_waits["items"] == nothing_sent["items"] == []
    assert nothing_waits["summary"]["total"] == nothing_sent["summary"]["questions"] == 0


def test_with_a_trace_for_each_turn_no_trace_is_named() -> None:
    with testing.capture(trace_per="turn"):
        conversation_tracker.get_or_create_conversation("c1")
        (item,) = conversation_tracker.send_tracked_data()["items"]
    assert item["response"] == {"conversation_id": "c1", "trace_id": None}


def test_token_usage_adds_up_for_each_conversation_until_it_is_sent() -> None:
    with testing.capture():
        TRACKED._counts_tokens = False
        assert conversation_tracker.get_token_usage() == {}
        conversation_tracker.get_or_create_conversation("c1")
        conversation_tracker.track_token_usage(100, 25, 125)
        conversation_tracker.track_token_usage(prompt_tokens=1, embedding_tokens=7)
        usage = {"prompt_tokens": 101, "completion_tokens": 25, "total_tokens": 125, "embedding_tokens": 7}
        assert conversation_tracker.get_token_usage() == usage
        conversation_tracker.get_or_create_conversation("c2")
        assert conversation_tracker.get_token_usage() == dict.fromkeys(usage, 0)
        conversation_tracker.get_or_create_conversation("c1")
        assert conversation_tracker.get_token_usage() == usage
        conversation_tracker.send_tracked_data()
        assert conversation_tracker.get_token_usage() == dict.fromkeys(usage, 0)


def test_token_usage_is_counted_as_agentsight_0_0_counts_it() -> None:
    with testing.capture():
        conversation_tracker.get_or_create_conversation("c1")
        conversation_tracker.track_human_message("one")
        conversation_tracker.track_token_usage(10, 5, 15)
        conversation_tracker.track_token_usage(1, 1, 2)
        conversation_tracker.track_agent_message("two")
        waiting = conversation_tracker.get_tracked_data_summary()
        assert (waiting["summary"]["total"], waiting["summary"]["actions"]) == (3, 0)
        sent = conversation_tracker.send_tracked_data()
    assert [item["type"] for item in sent["items"]] == ["conversation", "question", "action", "answer"]
    assert sent["summary"] == {"questions": 1, "answers": 1, "attachments": 0, "actions": 1, "buttons": 0, "errors": 0}


def test_files_that_came_with_a_message_are_in_it_and_the_others_are_counted() -> None:
    """As AgentSight 0.0.44 reports them; without what is in them."""

    def file(name: str) -> dict[str, str]:
        return {"filename": name, "mime_type": "text/plain", "data": "eA=="}

    with testing.capture() as spans:
        conversation_tracker.get_or_create_conversation("c1")
        conversation_tracker.track_human_message("See", attachments=[file("a.txt")])
        conversation_tracker.track_agent_message("Thanks")
        conversation_tracker.track_attachments([file("b.txt")])
        waiting = conversation_tracker.get_tracked_data_summary()
        sent = conversation_tracker.send_tracked_data()
        assert [span.name for span in spans.finished if span.name == "attachment"] == ["attachment"] * 2
    assert (waiting["summary"]["attachments"], waiting["summary"]["total"]) == (1, 4)
    _, question, answer, attachments = waiting["items"]
    assert question["data"]["attachments"] == [{"filename": "a.txt", "mime_type": "text/plain", "size_bytes": 1}]
    assert question["data"]["attachment_mode"] == "base64"
    assert "attachments" not in answer["data"]
    assert attachments["data"]["attachments"] == [{"filename": "b.txt", "mime_type": "text/plain", "size_bytes": 1}]
    assert attachments["preview"]["files"] == ["b.txt"]
    assert [item["type"] for item in sent["items"]] == ["conversation", "question", "answer", "attachments"]
    assert sent["summary"]["attachments"] == 1
