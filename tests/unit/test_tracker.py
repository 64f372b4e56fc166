"""The tracker of AgentSight 0.0: whole span trees, what it answers, concurrency, hostile input, bounds."""

import base64
import inspect
import io
import os
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

import agentsight_otel as agentsight
from agentsight_otel import ConversationTracker, clock, conversation_tracker, identity, testing
from agentsight_otel.enums import AttachmentMode, Environment, LogLevel, Sender
from agentsight_otel.tracking.backlog import Backlog


@pytest.fixture(autouse=True)
def nothing_left_over() -> Iterator[None]:
    yield
    conversation_tracker._backlog.take_all()


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
        assert span.context is not None and span.context.trace_id == identity.trace_id("c1")
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
        waiting = conversation_tracker.get_tracked_data_summary()["items"][3]
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
    trace_id = f"{identity.trace_id('c1'):032x}"
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
        conversation_tracker._counts_tokens = False
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


@pytest.mark.parametrize(
    ("given", "period_ms"),
    [
        ({}, (10_000, 10_000)),
        ({"duration_ms": 1_500}, (8_500, 10_000)),
        ({"started_at": 4_000}, (4_000, 10_000)),
        ({"started_at": 4_000, "duration_ms": 50.5}, (4_000, 4_050.5)),
        ({"started_at": 4_000, "ended_at": 5_000}, (4_000, 5_000)),
        ({"started_at": 4_000, "ended_at": 5_000, "duration_ms": 250}, (4_000, 4_250)),
        ({"ended_at": 5_000, "duration_ms": 250}, (4_750, 5_000)),
        ({"ended_at": 5_000}, (5_000, 5_000)),
        ({"started_at": 5_000, "ended_at": 4_000}, (5_000, 5_000)),
        ({"started_at": 20_000}, (20_000, 20_000)),
        ({"duration_ms": -5}, (10_000, 10_000)),
        ({"duration_ms": float("nan")}, (10_000, 10_000)),
        ({"duration_ms": "12"}, (10_000, 10_000)),
        ({"started_at": "yesterday"}, (10_000, 10_000)),
        ({"started_at": "0001-01-01T00:00:00Z"}, (10_000, 10_000)),
        ({"started_at": "9999-12-31T23:59:59-14:00"}, (10_000, 10_000)),
    ],
)
def test_an_action_has_the_times_that_are_known_of_it(given: dict[str, Any], period_ms: tuple[float, float]) -> None:
    first = datetime.fromtimestamp(1_700_000_000, timezone.utc)
    for shape in (datetime.isoformat, lambda moment: moment, lambda moment: moment.replace(tzinfo=None).isoformat()):
        times = {
            key: shape(first + timedelta(milliseconds=value))
            if key.endswith("_at") and isinstance(value, int)
            else value
            for key, value in given.items()
        }
        with testing.capture(fixed=False) as spans, clock.use_clock(lambda: 1_700_000_010_000_000_000):
            conversation_tracker.get_or_create_conversation("c1")
            conversation_tracker.track_action("look_up", **times)
            conversation_tracker.send_tracked_data()
            span = spans.named("execute_tool look_up")
        found = ((span.start_time or 0) / 1e6 - 1.7e12, (span.end_time or 0) / 1e6 - 1.7e12)
        assert found == pytest.approx(period_ms, abs=1e-3)


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


def test_there_is_one_tracker_with_the_signatures_of_agentsight_0_0() -> None:
    assert ConversationTracker(api_key="ags_x", endpoint="https://api.example.org") is conversation_tracker
    parameters = {
        name: list(inspect.signature(getattr(ConversationTracker, name)).parameters)[1:]
        for name in vars(ConversationTracker)
        if not name.startswith("_")
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


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_that_it_is_given_makes_it_raise(value: Any) -> None:
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
            call(*[value] * len(names))
            for name in names:
                required = names if method == "track_button" else names[:1]
                call(**{**dict.fromkeys(required, "c1"), name: value})
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


def test_what_is_never_sent_stays_within_bounds_and_is_sent_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    for bounds in ({"max_items": 10}, {"max_bytes": 30_000}):
        monkeypatch.setattr(conversation_tracker, "_backlog", Backlog(**bounds))
        with testing.capture() as spans:
            for number in range(100):
                conversation_tracker.get_or_create_conversation(f"c{number}")
                conversation_tracker.track_human_message("x" * 1_000)
                conversation_tracker.track_agent_message("y")
                backlog = conversation_tracker._backlog
                assert backlog._count <= 30 and backlog._bytes <= 30_000
            ahead = [span for span in spans.finished if span.name == "invoke_agent"]
            assert len(ahead) >= 90
            agentsight.shutdown()
            turns = [span for span in spans.finished if span.name == "invoke_agent"]
        assert sum(len(span.events) for span in turns) == 200
        assert {span.context.trace_id for span in turns if span.context} == {
            identity.trace_id(f"c{number}") for number in range(100)
        }


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_what_a_parent_tracked_is_not_sent_by_its_child() -> None:
    with testing.capture() as spans:
        conversation_tracker.get_or_create_conversation("c1")
        conversation_tracker.track_human_message("hi")
        child = os.fork()
        if child == 0:
            os._exit(len(conversation_tracker.send_tracked_data()["items"]))
        assert os.waitpid(child, 0)[1] == 0
        assert len(conversation_tracker.send_tracked_data()["items"]) == 2
        assert len(spans.named("invoke_agent").events) == 1
