"""What identifies a conversation and its customer, as applications have it: not always a text."""

import decimal
import enum
import ipaddress
import uuid
from typing import Any

import numpy
import pytest

import agentsight_otel as agentsight
from agentsight_otel import conversation_manager, conversation_tracker, testing
from agentsight_otel._core import guard
from agentsight_otel.integrations import wsgi
from agentsight_otel.testing import Capture


class Channel(enum.Enum):
    WEB = "Web"


class Text(str, enum.Enum):
    ONE = "one"


class ObjectId:
    def __str__(self) -> str:
        return "65f0c0ffee65f0c0ffee65f0"


ID = uuid.UUID("550e8400-e29b-41d4-a716-446655440000")
TEXTS: list[tuple[Any, str]] = [
    (ID, str(ID)),
    (ObjectId(), "65f0c0ffee65f0c0ffee65f0"),
    (42, "42"),
    (decimal.Decimal("42.0"), "42.0"),
    (numpy.int64(42), "42"),
    (numpy.str_("c"), "c"),
    (ipaddress.ip_address("10.0.0.1"), "10.0.0.1"),
    (Channel.WEB, "Web"),
    (Text.ONE, "one"),
    (b"c1", "c1"),
    (" c1\n", "c1"),
]


@pytest.fixture(autouse=True)
def nothing_said_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_said", {})


def ids(spans: Capture) -> list[str | None]:
    return [(span.attributes or {}).get("gen_ai.conversation.id") for span in spans.finished]  # type: ignore[misc]


@pytest.mark.parametrize(("given", "text"), TEXTS, ids=[type(given).__name__ for given, _ in TEXTS])
def test_an_id_is_its_text_whichever_way_it_is_given(spans: Capture, given: Any, text: str) -> None:
    @agentsight.turn(id_from="chat")
    def answer(chat: object) -> None:
        agentsight.user_message("hi")

    with agentsight.conversation(given, customer_id=given), agentsight.turn():
        pass
    with agentsight.turn(conversation_id=given):
        pass
    answer(given)
    agentsight.open_conversation(given)
    agentsight.feedback("positive", conversation_id=given)
    agentsight.end_conversation(given)
    conversation_tracker.get_or_create_conversation(given)
    conversation_manager.rename_conversation(given, "A name")
    assert ids(spans) == [text] * 8
    assert (spans.finished[0].attributes or {})["user.id"] == text


@pytest.mark.parametrize("given", [ID, {"conversation_id": ID}], ids=["id", "arguments"])
def test_a_middleware_takes_an_id_of_any_type(spans: Capture, given: Any) -> None:
    def application(environ: object, start_response: object) -> list[bytes]:
        agentsight.user_message("hi")
        return []

    wsgi.ConversationMiddleware(application, conversation_id=lambda _: given)({}, lambda *_: None)
    assert ids(spans) == [str(ID)]


@pytest.mark.parametrize("nothing", ["", " \t", None, float("nan")], ids=["empty", "blank", "None", "NaN"])
def test_without_an_id_a_conversation_gets_one_so_that_it_counts_and_it_is_said(
    nothing: Any, caplog: pytest.LogCaptureFixture
) -> None:
    @agentsight.turn(id_from="chat")
    def answer(chat: object) -> None:
        agentsight.user_message("hi")

    with testing.capture() as spans:
        answer(nothing)
        answer(nothing)
        agentsight.get_or_create_conversation(nothing)
        first, second, third = ids(spans)
    assert all(found and found.startswith("conv_") for found in (first, second, third))
    assert len({first, second, third}) == 3
    assert [record.getMessage().count("conversation_id: ") for record in caplog.records] == [1]


def test_a_turn_whose_id_is_missing_belongs_to_the_conversation_around_it(spans: Capture) -> None:
    @agentsight.turn(id_from="chat")
    def answer(chat: object) -> None:
        agentsight.user_message("hi")

    with agentsight.conversation("c1"):
        answer(None)
        answer("")
        agentsight.feedback("positive", conversation_id=" ")
    assert ids(spans) == ["c1"] * 3


def test_fields_that_are_objects_are_their_texts(spans: Capture) -> None:
    address: Any = ipaddress.ip_address("8.8.8.8")
    with agentsight.conversation("c", customer_ip_address=address, source=Channel.WEB, customer_id=float("nan")):
        agentsight.user_message("hi")
    attributes = spans.finished[0].attributes or {}
    assert attributes["client.address"] == "8.8.8.0"
    assert attributes["agentsight.conversation.source"] == "web"
    assert "user.id" not in attributes


def test_names_and_ratings_may_be_members_of_an_enum(spans: Capture) -> None:
    class Rating(enum.Enum):
        GOOD = "Positive"

    with agentsight.conversation("c"), agentsight.turn(agent=Channel.WEB):  # type: ignore[call-overload]
        with agentsight.tool(Text.ONE):
            pass
        agentsight.feedback(Rating.GOOD)
    assert spans.names() == ["execute_tool one", "feedback", "invoke_agent Web"]
    assert (spans.named("feedback").attributes or {})["agentsight.feedback.sentiment"] == "positive"
