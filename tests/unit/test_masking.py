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


@pytest.mark.parametrize("word", ["EUR", "AND THEN", "EUR, "])
def test_what_follows_an_iban_does_not_hide_it(word: str) -> None:
    assert builtin(MASKS)("text", f"ES91 2100 0418 4502 0005 1332 {word}") == f"[iban] {word}"


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
        "eyJaaaaaaaa.",
        "-eyJaaaaaaaa",
        "://",
        "password=",
        "A1",
        "GR16",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----",
        "( ",
        "sk-",
        '"',
        "é",
    ],
)
def test_a_hostile_text_takes_linear_time(unit: str) -> None:
    """In processor time, for ``re`` counts nothing; ten times as much text would take a hundred times as long."""
    mask = builtin(MASKS)

    def processor_s(size: int) -> float:
        text = unit * (size // len(unit))
        began = time.process_time()
        mask("text", text)
        return time.process_time() - began

    assert processor_s(200_000) < 1 + 40 * processor_s(20_000)


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
