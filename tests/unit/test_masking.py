"""What leaves: content by kind, masks over everything, and nothing unmasked where a mask fails."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode

import agentsight_otel as agentsight
from agentsight_otel import runtime
from agentsight_otel.config import MASKS, Settings
from agentsight_otel.masking import WITHHELD, builtin
from agentsight_otel.testing import capture

MASKED = [
    ("mail ann.lee+x@example.co.uk now", "mail [email] now"),
    ("call +30 210 123 4567 please", "call [phone] please"),
    ("call (415) 555-2671.", "call [phone]."),
    ("card 4111 1111 1111 1111!", "card [card]!"),
    ("amex 3782-822463-10005", "amex [card]"),
    ("IBAN GR16 0110 1250 0000 0001 2300 695", "IBAN [iban]"),
    ("DE89370400440532013000", "[iban]"),
    ("Authorization: Bearer abcdefghijklmnop1234", "Authorization: Bearer [secret]"),
    ('{"api_key":"abc123456789"}', '{"api_key":"[secret]"}'),
    ("postgres://user:hunter22@db/x", "postgres://user:[secret]@db/x"),
    ("key sk-proj-abcdefghijklmnopqrstuv", "key [secret]"),
    ("AKIAIOSFODNN7EXAMPLE", "[secret]"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJSMeKKF2QT4", "[secret]"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----", "[secret]-----END RSA PRIVATE KEY-----"),
]

KEPT = [
    "order 1234567890123456",  # sixteen digits, and no card by their checksum
    "order 2026-11-24-000123",
    "550e8400-e29b-41d4-a716-446655440000",
    "4bf92f3577b34da6a3ce929d0e0e4736",
    "2026-11-24T23:37:31.123456Z",
    "1764027451123",
    "GB00 1234 5678 9012 3456 78",  # no IBAN by its checksum
    "192.168.100.200",
    "the total is 1,234,567.89",
    "version 1.2.3-rc.4",
    "@mention at 10:30",
]


@pytest.mark.parametrize(("text", "expected"), MASKED)
def test_what_the_built_in_masks_find(text: str, expected: str) -> None:
    assert builtin(MASKS)("text", text) == expected


@pytest.mark.parametrize("text", KEPT)
def test_what_they_leave_alone(text: str) -> None:
    assert builtin(MASKS)("text", text) == text


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "1",
        "1 ",
        "-",
        "a@",
        "a.",
        "+1",
        "eyJ",
        "eyJa.",
        "://",
        "password=",
        "A1",
        "GR16",
        "-----BEGIN ",
        "( ",
        "sk-",
        '"',
        "é",
    ],
)
def test_a_hostile_megabyte_takes_linear_time(unit: str) -> None:
    mask = builtin(MASKS)

    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        began = time.perf_counter()
        mask("text", text)
        return time.perf_counter() - began

    assert seconds(1_000_000) < 10 + 40 * seconds(100_000)


def attributes_of(record: Callable[[], object], **settings: Any) -> list[dict[str, Any]]:
    with capture(**settings) as spans:
        record()
        return [
            {"name": span.name, **(span.attributes or {})}
            | {f"{event.name}.{key}": value for event in span.events for key, value in (event.attributes or {}).items()}
            for span in spans.finished
        ]


def a_turn() -> None:
    @agentsight.tool
    def search(query: str) -> str:
        return f"found {query}"

    with agentsight.conversation("c1", customer_id="ann@example.com"), agentsight.turn():
        agentsight.user_message("I am ann@example.com")
        search("bob@example.com")


def test_masks_apply_to_every_span_of_whoever() -> None:
    def record() -> None:
        with agentsight.conversation("c1"), agentsight.turn():
            a_turn()
            tracer = runtime.current().tracer
            with tracer.start_as_current_span(
                "GET ann@example.com", attributes={"url": ["x", "ann@example.com"]}
            ) as span:
                span.add_event("ann@example.com", {"text": "ann@example.com"})
                span.set_status(Status(StatusCode.ERROR, "ann@example.com"))

    with capture(mask="email") as spans:
        record()
        for span in spans.finished:
            assert "example.com" not in span.to_json()
    assert "[email]" in str(attributes_of(a_turn, mask=["email"]))


def test_customers_still_count_one_by_one() -> None:
    users = {span.get("user.id") for span in attributes_of(a_turn, mask="all")}
    assert len(users) == 1
    assert str(users.pop()).startswith("[email:")


def test_a_mask_that_fails_withholds_and_shows_it() -> None:
    def failing(key: str, value: object) -> object:
        if key == "agentsight.message.content":
            raise SystemExit("no")
        return None if key == "gen_ai.tool.call.arguments" else value

    tool, turn = attributes_of(a_turn, mask=failing)
    assert turn["agentsight.message.agentsight.message.content"] == WITHHELD
    assert "gen_ai.tool.call.arguments" not in tool
    assert "found bob" in tool["gen_ai.tool.call.result"]


def test_a_mask_that_returns_what_no_attribute_can_be_withholds() -> None:
    spans = attributes_of(a_turn, mask=lambda key, value: object() if key.startswith("gen_ai.tool") else value)
    assert spans[0]["gen_ai.tool.call.result"] == WITHHELD


@pytest.mark.parametrize(
    ("captured", "kept"),
    [
        ("all", {"messages", "arguments", "results"}),
        ("none", set()),
        ("messages", {"messages"}),
        (["tool_arguments", "tool_results"], {"arguments", "results"}),
    ],
)
def test_content_by_kind(captured: object, kept: set[str]) -> None:
    spans = attributes_of(a_turn, capture_content=captured)
    keys = {key for span in spans for key in span}
    found = {
        "messages": "agentsight.message.agentsight.message.content" in keys,
        "arguments": "gen_ai.tool.call.arguments" in keys,
        "results": "gen_ai.tool.call.result" in keys,
    }
    assert {name for name, there in found.items() if there} == kept
    assert "agentsight.message.agentsight.message.sender" in keys  # it still counts


@pytest.mark.parametrize(
    ("value", "captured"),
    [
        ("true", True),
        ("SPAN_ONLY", True),
        ("span_and_event", True),
        ("false", False),
        ("NO_CONTENT", False),
        ("EVENT_ONLY", False),
    ],
)
def test_the_standard_variable_is_honoured(value: str, captured: bool) -> None:
    variable = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
    assert bool(Settings.load({variable: value}).capture_content) is captured
    assert Settings.load({variable: value, "AGENTSIGHT_CAPTURE_CONTENT": "messages"}).capture_content == ("messages",)
    with pytest.raises(agentsight.SettingError, match=variable):
        Settings.load({variable: "perhaps"})


def test_the_prompts_of_other_instrumentations_go_with_their_kind() -> None:
    def record() -> None:
        attributes = {
            "gen_ai.input.messages": "a",
            "gen_ai.prompt.0.content": "b",
            "input.value": "c",
            "llm.model": "d",
        }
        trace.get_tracer("other")
        with runtime.current().tracer.start_as_current_span("chat", attributes=attributes):
            pass

    (span,) = attributes_of(record, capture_content="messages")
    assert {
        key: value
        for key, value in span.items()
        if key in ("gen_ai.input.messages", "gen_ai.prompt.0.content", "input.value", "llm.model")
    } == {"llm.model": "d"}


@pytest.mark.parametrize(("policy", "stored"), [("full", "203.0.113.77"), ("truncate", "203.0.113.0"), ("drop", None)])
def test_the_ip_policy_holds_for_the_spans_of_web_frameworks(policy: str, stored: str | None) -> None:
    def record() -> None:
        tracer = runtime.current().tracer
        addresses = {"client.address": "203.0.113.77", "net.peer.ip": "203.0.113.77"}
        with tracer.start_as_current_span("GET", kind=SpanKind.SERVER, attributes=addresses):
            pass

    (span,) = attributes_of(record, ip_policy=policy)
    assert (span.get("client.address"), span.get("net.peer.ip")) == (stored, stored)
