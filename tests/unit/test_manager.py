"""The manager of AgentSight 0.0: what it records, what it answers, what it refuses."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

import agentsight_otel as agentsight
from agentsight_otel import ConversationManager, conversation_manager, conversation_tracker, testing
from agentsight_otel.compat import unknown
from agentsight_otel.enums import Sentiment
from agentsight_otel.exceptions import InvalidConversationDataException


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
def test_nothing_raises_but_what_agentsight_refuses_and_that_is_not_recorded(value: Any) -> None:
    def allowed(call: Any, *args: Any, **kwargs: Any) -> None:
        with suppress(ValueError, InvalidConversationDataException):
            assert isinstance(call(*args, **kwargs), dict)

    with testing.capture(raise_errors=False) as spans:
        manager = ConversationManager(value, api_key=value)
        manager.configure(api_key=value)
        for call in (manager.rename_conversation, manager.mark_conversation, manager.submit_feedback):
            allowed(call, value, value)
            allowed(call, "c1", value)
        allowed(manager.delete_conversation, value)
        for field in ("name", "is_marked", "customer_id", "device", "language", "metadata"):
            allowed(manager.update_conversation, "c1", **{field: value})
        for _, attributes in recorded(spans):
            assert attributes["gen_ai.conversation.id"]
            assert len(str(attributes.get("agentsight.conversation.name", ""))) <= 255


@pytest.mark.parametrize(
    ("call", "refused"),
    [
        (lambda: conversation_manager.rename_conversation("c1", ""), InvalidConversationDataException),
        (lambda: conversation_manager.rename_conversation("c1", "x" * 256), InvalidConversationDataException),
        (lambda: conversation_manager.rename_conversation("c1", 7), InvalidConversationDataException),  # type: ignore[arg-type]
        (lambda: conversation_manager.rename_conversation("", "x"), ValueError),
        (lambda: conversation_manager.submit_feedback("c1", "glad"), InvalidConversationDataException),
        (lambda: conversation_manager.submit_feedback("c1", "positive", "x" * 5_001), InvalidConversationDataException),
        (lambda: conversation_manager.update_conversation("c1"), ValueError),
        (lambda: conversation_manager.update_conversation("c1", metadata=[1]), InvalidConversationDataException),  # type: ignore[arg-type]
        (lambda: conversation_manager.mark_conversation(None, True), ValueError),  # type: ignore[arg-type]
    ],
)
def test_what_agentsight_0_0_refuses_is_refused_with_the_same_exception(
    call: Callable[[], object], refused: type[Exception]
) -> None:
    with testing.capture() as spans:
        with pytest.raises(refused, match="expected"):
            call()
        assert spans.names() == []


def test_there_is_one_manager() -> None:
    assert ConversationManager("key", endpoint="x") is conversation_manager


def test_a_change_of_a_conversation_that_nobody_knows_is_said(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[str] = []

    def knows(conversation_id: str) -> bool:
        asked.append(conversation_id)
        return conversation_id == "known"

    with testing.capture() as spans, pytest.MonkeyPatch.context() as patch:
        patch.setattr(unknown, "_WAIT_S", 0.0)
        patch.setattr(unknown, "_knows", knows)
        conversation_manager.mark_conversation("known", True)
        conversation_manager.submit_feedback("mistyped", "positive")
        deadline_s = time.monotonic() + 10
        while ("mistyped" not in caplog.text or len(asked) < 2) and time.monotonic() < deadline_s:
            time.sleep(0.01)
        assert sorted(spans.names()) == ["conversation_updated", "feedback"]
    assert sorted(asked) == ["known", "mistyped"]
    assert "conversation 'mistyped': nothing else was ever recorded of it" in caplog.text
    assert "'known'" not in caplog.text


def test_long_fields_are_cut_and_short_names_of_deployments_are_read() -> None:
    with testing.capture(environment="dev") as spans:
        conversation_tracker.get_or_create_conversation("i" * 300, customer_id="c" * 300, name="n" * 300)
        agentsight.get_or_create_conversation("c1", environment="prod")
        conversation_manager.submit_feedback("c1", "positive", "x" * 5_000)
        cut, short, rating = (attributes for _, attributes in recorded(spans))
        resource = spans.finished[0].resource.attributes
    assert (cut["gen_ai.conversation.id"], cut["user.id"]) == ("i" * 255, "c" * 255)
    assert cut["agentsight.conversation.name"] == "n" * 255
    assert short["deployment.environment.name"] == "production"
    assert resource["deployment.environment.name"] == "development"
    assert len(rating["agentsight.feedback.comment"]) == 5_000
