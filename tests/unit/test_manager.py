"""The manager of AgentSight 0.0: what it records, what it answers, what it refuses."""

from typing import Any

import pytest

import agentsight_otel as agentsight
from agentsight_otel import ConversationManager, conversation_manager, testing
from agentsight_otel.enums import Sentiment


def recorded(spans: testing.Capture) -> list[tuple[str, dict[str, Any]]]:
    return [(span.name, dict(span.attributes or {})) for span in spans.finished]


def test_changes_are_spans_with_the_changed_fields_alone() -> None:
    with testing.capture() as spans:
        conversation_manager.rename_conversation(conversation_id="c1", name=" Resolved ")
        conversation_manager.mark_conversation("c1", True)
        conversation_manager.mark_conversation("c1", is_marked=False)
        conversation_manager.delete_conversation("c1")
        answer = conversation_manager.update_conversation(
            "c1", "VIP", True, customer_id="u1", device="Tablet", language="el", metadata={"plan": "gold"}
        )
        base = {"agentsight.span.kind": "conversation", "gen_ai.conversation.id": "c1"}
        assert recorded(spans) == [
            ("conversation_updated", {**base, "agentsight.conversation.name": "Resolved"}),
            ("conversation_updated", {**base, "agentsight.conversation.marked": True}),
            ("conversation_updated", {**base, "agentsight.conversation.marked": False}),
            ("conversation_updated", {**base, "agentsight.conversation.deleted": True}),
            (
                "conversation_updated",
                {
                    **base,
                    "agentsight.conversation.name": "VIP",
                    "agentsight.conversation.marked": True,
                    "agentsight.conversation.device": "tablet",
                    "agentsight.conversation.language": "el",
                    "agentsight.conversation.metadata": '{"plan":"gold"}',
                    "user.id": "u1",
                },
            ),
        ]
    assert answer == {
        "conversation_id": "c1",
        "name": "VIP",
        "customer_id": "u1",
        "device": "Tablet",
        "language": "el",
        "metadata": {"plan": "gold"},
        "is_marked": True,
    }


def test_a_mark_says_nothing_of_the_name_and_a_new_name_stays() -> None:
    with testing.capture() as spans:
        agentsight.get_or_create_conversation("c1", name="Order")
        conversation_manager.mark_conversation("c1", True)
        conversation_manager.rename_conversation("c1", "Late order")
        agentsight.user_message("hi")
        names = [attributes.get("agentsight.conversation.name") for _, attributes in recorded(spans)]
    assert names == ["Order", None, "Late order", "Late order"]


def test_feedback_is_the_customers() -> None:
    with testing.capture() as spans:
        answer = conversation_manager.submit_feedback(
            "c1", sentiment=Sentiment.POSITIVE, comment="Very helpful!", metadata={"rating": 5}
        )
        conversation_manager.submit_feedback(42, "negative")
        found = recorded(spans)
    assert answer == {
        "conversation_id": "c1",
        "sentiment": "positive",
        "comment": "Very helpful!",
        "source": "customer",
        "metadata": {"rating": 5},
    }
    assert found[0][1] == {
        "agentsight.span.kind": "feedback",
        "gen_ai.conversation.id": "c1",
        "agentsight.feedback.sentiment": "positive",
        "agentsight.feedback.source": "customer",
        "agentsight.feedback.comment": "Very helpful!",
        "agentsight.metadata": '{"rating":5}',
    }
    assert found[1][1]["gen_ai.conversation.id"] == "42"


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    "value", [None, "", " ", 0, -1, True, "\ud800", "x" * 1_000_000, {}, [], object(), Unprintable()]
)
def test_nothing_raises_and_what_is_refused_is_not_recorded(value: Any) -> None:
    with testing.capture(raise_errors=False) as spans:
        manager = ConversationManager(value, api_key=value)
        manager.configure(api_key=value)
        for call in (manager.rename_conversation, manager.mark_conversation, manager.submit_feedback):
            assert isinstance(call(value, value), dict)
            assert isinstance(call("c1", value), dict)
        manager.delete_conversation(value)
        for field in ("name", "is_marked", "customer_id", "device", "language", "metadata"):
            manager.update_conversation("c1", **{field: value})
        assert manager.submit_feedback("c1", "glad") == manager.update_conversation("c1") == {}
        for _, attributes in recorded(spans):
            assert attributes["gen_ai.conversation.id"]
            assert len(str(attributes.get("agentsight.conversation.name", ""))) <= 255
