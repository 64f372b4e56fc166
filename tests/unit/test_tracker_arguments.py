"""The tracker's signatures, settings and arguments: what it refuses, and that nothing else makes it raise."""

import inspect
from contextlib import suppress
from typing import Any

import pytest

import agentsight_otel as agentsight
from agentsight_otel import ConversationTracker, conversation_tracker, exceptions, testing
from agentsight_otel.compat.tracking.refusals import REFUSED
from agentsight_otel.enums import LogLevel

pytestmark = pytest.mark.usefixtures("nothing_left_over")


def test_there_is_one_tracker_with_the_signatures_of_agentsight_0_0() -> None:
    assert ConversationTracker(api_key="ags_x", endpoint="https://api.example.org") is conversation_tracker
    parameters = {
        name: list(inspect.signature(getattr(ConversationTracker, name)).parameters)[1:]
        for name, member in vars(ConversationTracker).items()
        if not name.startswith("_") and callable(member)
    }
    conversation = ["conversation_id", "customer_id", "customer_ip_address", "device", "source", "language", "name"]
    message = ["message", "attachments", "attachment_mode", "metadata"]
    assert parameters == {
        "configure": ["api_key", "conversation_id", "endpoint", "log_level", "environment", "ignored"],
        "get_or_create_conversation": [*conversation, "environment", "metadata"],
        "initialize_conversation": [*conversation, "environment", "metadata"],
        "track_human_message": message,
        "track_agent_message": message,
        "track_attachments": ["attachments", "sender", "metadata", "mode"],
        "track_action": [
            *("action_name", "started_at", "ended_at", "duration_ms", "tools_used", "response", "error_msg", "metadata")
        ],
        "track_button": ["button_event", "label", "value", "metadata"],
        "track_token_usage": ["prompt_tokens", "completion_tokens", "total_tokens", "embedding_tokens"],
        "get_token_usage": [],
        "send_tracked_data": [],
        "get_tracked_data_summary": [],
    }


def test_configuring_sets_the_conversation_and_refuses_what_is_unknown() -> None:
    with testing.capture() as spans:
        conversation_tracker.configure(conversation_id="c9", log_level=LogLevel.INFO, token_handler="llamaindex")
        conversation_tracker.track_human_message("hi")
        conversation_tracker.send_tracked_data()
        assert dict(spans.named("invoke_agent").attributes or {})["gen_ai.conversation.id"] == "c9"
    with pytest.raises(TypeError, match="no setting 'conversation'; expected conversation_id"):
        conversation_tracker.configure(conversation="c9")


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class Sly(dict):  # type: ignore[type-arg]
    def items(self) -> Any:
        raise RuntimeError("no items")

    def get(self, *_: object) -> Any:
        raise RuntimeError("no get")


CYCLE: list[Any] = []

CYCLE.append(CYCLE)

HOSTILE = [
    None,
    "",
    " ",
    0,
    -1,
    True,
    2**70,
    float("nan"),
    float("inf"),
    b"\xff",
    "\ud800",
    "x" * 1_000_000,
    [],
    [None],
    {},
    {1: 2},
    {"data": Unprintable()},
    CYCLE,
    Unprintable(),
    Sly(a=1),
    object(),
    lambda: None,
    iter([1]),
]


@pytest.mark.parametrize(
    ("method", "given", "refused"),
    [
        ("track_human_message", {"message": " "}, exceptions.InvalidQuestionDataException),
        ("track_agent_message", {"message": ""}, exceptions.InvalidAnswerDataException),
        ("track_action", {"action_name": ""}, exceptions.InvalidConversationDataException),
        ("track_action", {"action_name": 7}, exceptions.InvalidConversationDataException),
        ("track_button", {"button_event": "e", "label": "", "value": "v"}, exceptions.InvalidConversationDataException),
        ("track_attachments", {"attachments": []}, exceptions.InvalidAttachmentException),
        ("track_attachments", {"attachments": [{"filename": "a"}]}, exceptions.InvalidAttachmentException),
        (
            "track_attachments",
            {"attachments": [{"filename": "a", "mime_type": "b", "data": "%%"}]},
            exceptions.InvalidAttachmentException,
        ),
        (
            "track_human_message",
            {"message": "hi", "attachments": [{"data": "text"}], "attachment_mode": "form_data"},
            exceptions.InvalidAttachmentException,
        ),
        ("track_attachments", {"attachments": [{}], "mode": "pigeon"}, ValueError),
    ],
)
def test_what_agentsight_0_0_refuses_is_refused_with_the_same_exception(
    method: str, given: dict[str, Any], refused: type[Exception]
) -> None:
    with testing.capture() as spans:
        conversation_tracker.get_or_create_conversation("c1")
        with pytest.raises(refused) as raised:
            getattr(conversation_tracker, method)(**given)
        assert type(raised.value) is refused and ("expected" in str(raised.value) or "missing" in str(raised.value))
        assert conversation_tracker.get_tracked_data_summary()["summary"]["total"] == 1
        assert spans.names() == ["conversation_started"]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_that_it_is_given_makes_it_raise_but_what_agentsight_refuses(value: Any) -> None:
    def allowed(call: Any, *args: Any, **kwargs: Any) -> None:
        with suppress(*REFUSED):
            call(*args, **kwargs)

    with testing.capture(raise_errors=False, fixed=False):
        for method in (
            "get_or_create_conversation",
            "initialize_conversation",
            "track_human_message",
            "track_agent_message",
            "track_attachments",
            "track_action",
            "track_button",
            "track_token_usage",
        ):
            call = getattr(conversation_tracker, method)
            names = list(inspect.signature(call).parameters)
            allowed(call, *[value] * len(names))
            for name in names:
                required = names if method == "track_button" else names[:1]
                allowed(call, **{**dict.fromkeys(required, "c1"), name: value})
        conversation_tracker.get_tracked_data_summary()
        conversation_tracker.get_token_usage()
        assert conversation_tracker.send_tracked_data()["summary"]["errors"] == 0


def test_without_recording_nothing_is_kept() -> None:
    with testing.capture():
        pass
    assert not agentsight.is_enabled()
    conversation_tracker.get_or_create_conversation("c1")
    conversation_tracker.track_human_message("hi")
    conversation_tracker.track_token_usage(1)
    assert conversation_tracker.get_tracked_data_summary()["summary"]["total"] == 0
    assert conversation_tracker.send_tracked_data()["items"] == []
