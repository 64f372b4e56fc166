"""What leaves: content by kind, masks over everything, and nothing unmasked where a mask fails."""

import json
import re
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.span import TraceState

import agentsight_otel as agentsight
from agentsight_otel._core.config import CONTENT_KINDS, MASKS, Settings
from agentsight_otel._export import content
from agentsight_otel._export.masking import builtin
from agentsight_otel._export.privacy import WITHHELD, Privacy
from agentsight_otel._tracing import ids, runtime
from agentsight_otel._tracing.duplicates import ToolCalls
from agentsight_otel.testing import Capture, capture


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
    # It speaks of messages: what the application tells of the conversation stays.
    assert Settings.load({variable: value}).capture_content == (CONTENT_KINDS if captured else ("metadata",))
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


CARD = 4111111111111111


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (CARD, "[card]"),
        (float(CARD), "[card]"),
        (CARD + 1, CARD + 1),
        (1_764_027_451_123_456_789, 1_764_027_451_123_456_789),
        (True, True),
        (0.25, 0.25),
        (float("inf"), float("inf")),
        (b"\xffann@example.com\xff", b"\xff[email]\xff"),
        (["ann@example.com", "x"], ("[email]", "x")),
        ([CARD, 1], ("[card]", 1)),
    ],
)
def test_masks_look_at_values_of_every_type(value: object, expected: object) -> None:
    assert Privacy(CONTENT_KINDS, [builtin(MASKS)], "full").attributes({"key": value}) == {"key": expected}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"card": CARD, "n": 1}, {"card": "[card]", "n": 1}),
        ({"password": 12345678, "secret": "hunter2"}, {"password": "[secret]", "secret": "[secret]"}),
        ({"a": json.dumps({"card": CARD})}, {"a": json.dumps({"card": "[card]"}, separators=(",", ":"))}),
        ({"ann@example.com": [CARD]}, {"[email]": ["[card]"]}),
        ([json.dumps({"b": json.dumps({"token": "aB3aB3aB3"})})], None),
    ],
)
def test_json_stays_json(value: object, expected: object) -> None:
    masked = builtin(MASKS)("key", json.dumps(value))
    assert "aB3" not in masked and str(CARD) not in masked
    assert expected is None or json.loads(masked) == expected
    json.loads(masked)


def test_masks_look_at_names_keys_scope_resource_and_trace_states() -> None:
    secret = "ann@example.com"
    process = {"service.name": "shop", "service.owner": secret, "process.command": secret, secret: "x"}
    provider = TracerProvider(resource=Resource(process))
    state = TraceState([("vendor", secret)])
    linked = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1), trace_state=state)
    tracer = provider.get_tracer(f"scope of {secret}", attributes={"by": secret})
    with tracer.start_as_current_span(
        secret,
        context=trace.set_span_in_context(trace.NonRecordingSpan(linked)),
        links=[Link(linked, {secret: secret})],
    ) as span:
        span.set_attribute(secret, 1)
        span.add_event(secret, {secret: secret})
    fit = Privacy(CONTENT_KINDS, [builtin(MASKS)], "full")(span)  # type: ignore[arg-type]
    own = Privacy(CONTENT_KINDS, [lambda key, value: value if key == "known" else None], "full")(span)  # type: ignore[arg-type]
    assert own.resource.attributes["service.name"] == "shop" and "process.command" not in own.resource.attributes
    scope = fit.instrumentation_scope
    assert scope is not None and fit.context is not None
    everything = [fit.to_json(), scope.name, dict(scope.attributes or {}), fit.context.trace_state.to_header()]
    everything += [link.context.trace_state.to_header() for link in fit.links]
    assert "example" not in str(everything)
    assert fit.resource.attributes["service.name"] == "shop"
    assert (fit.attributes or {})["[email]"] == 1


LONG = "x" * 230 + " write to john.doe@example.com please, " + "y" * 100_000
SECRET_PHRASE = "blue-harvest-protocol"


@pytest.mark.parametrize("given", [LONG, {"text": LONG, "n": 1}, [LONG] * 50, [{"text": LONG}] * 3])
@pytest.mark.parametrize("max_value_bytes", [256, 300, 5_000])
def test_a_text_is_cut_after_it_is_masked(given: object, max_value_bytes: int) -> None:
    def own(key: str, value: object) -> object:
        return value.replace("please", "[own]") if isinstance(value, str) else value

    with capture(mask=["all", own], max_value_bytes=max_value_bytes) as spans:
        with agentsight.conversation("c", metadata={"note": given}), agentsight.turn() as turn:
            turn.user_message(given)  # type: ignore[arg-type]
            with agentsight.tool("find", arguments=given) as call:
                call.result(given)
        finished = spans.finished
    for span in finished:
        for holder in (span, *span.events):
            for key, value in (holder.attributes or {}).items():
                text = str(value)
                assert len(text.encode()) <= max_value_bytes
                assert "john" not in text and not re.search("pl(?!ease$)e?a?s?e?…", text), key
                if text[0] in "{[" and "[email]" not in text[:8]:
                    json.loads(text)


def everything_said(captured: Capture) -> None:
    """Each kind of content once, by ours and by another instrumentation; the words are told apart by their kind."""
    other = captured.tracer("opentelemetry.instrumentation.other")
    with agentsight.conversation("c1", name="metadata name", metadata={"said": "metadata"}):
        with agentsight.turn() as turn:
            turn.user_message("messages", metadata={"said": "messages"})
            with pytest.raises(ValueError), agentsight.tool("find", arguments={"q": "tool_arguments"}) as call:
                call.result("tool_results")
                raise ValueError("errors of a tool")
            with pytest.raises(ValueError), agentsight.task("rank"):
                raise ValueError("errors of a task")
            agentsight.record_attachments([{"name": "attachments"}], metadata={"said": "metadata"})
            agentsight.button("pressed", "buttons", "buttons", {"said": "metadata"})
            agentsight.feedback("positive", comment="feedback_comments", metadata={"said": "metadata"})
            kinds = {
                f"{key[:-1]}.0.x" if key.endswith("*") else key: f"{kind} of others"
                for kind, keys in content.KEYS.items()
                for key in keys
                if key != content.SPAN_STATUS and not key.startswith("agentsight.")
            }
            with pytest.raises(ValueError), other.start_as_current_span("chat", attributes=kinds) as span:
                for name in ("gen_ai.user.message", "gen_ai.choice", "gen_ai.client.inference.operation.details"):
                    span.add_event(name, {"content": "llm of events", "message": "llm of events", "role": "user"})
                span.set_attribute("gen_ai.usage.input_tokens", 7)
                raise ValueError("errors of others")


def said(captured: object) -> str:
    with capture(capture_content=captured, mask="all", fixed=False) as spans:
        everything_said(spans)
        return "".join(
            json.dumps([span.name, dict(span.attributes or {}), span.status.description])
            + json.dumps([[event.name, dict(event.attributes or {})] for event in span.events])
            for span in spans.finished
        )


@pytest.mark.parametrize("kind", CONTENT_KINDS)
def test_every_kind_of_content_is_kept_alone(kind: str) -> None:
    text = re.sub(r'"agentsight.attachment.count"|span_name', "", said([kind]))
    kept = {other for other in CONTENT_KINDS if re.search(f'{other} of|[: ]"{other}"|"{other}\\\\|{other} name', text)}
    assert kept == {kind}
    assert set(content.KEYS) == set(CONTENT_KINDS)


def test_nothing_that_was_said_leaves_where_no_content_is_captured() -> None:
    text = said("none")
    assert [kind for kind in CONTENT_KINDS if kind in text] == []
    assert "gen_ai.usage.input_tokens" in text and '"role": "user"' in text and "ValueError" in text


def test_the_page_on_privacy_says_where_each_kind_stands() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "privacy.md").read_text("utf-8")
    for kind, keys in content.KEYS.items():
        row = "".join(re.findall(rf"^\| `{kind}` \|.*$", page, re.MULTILINE))
        missing = [key for key in keys if f"`{key}`" not in row]
        assert not missing, f"docs/privacy.md: the row of {kind} lacks {missing}"


def test_caches_hold_no_long_texts() -> None:
    mask, long = builtin(MASKS), "k" * 100_000
    privacy, calls, tool = (
        Privacy(CONTENT_KINDS, [mask], "full"),
        ToolCalls(),
        {"gen_ai.operation.name": "execute_tool"},
    )
    calls.others_report()
    tracemalloc.start()
    try:
        for number in range(100):
            mask.name(f"{long}{number}")
            ids.trace_id(f"{long}{number}")
            privacy.attributes({f"{long}{number}": "short"})
            tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": f"{number}{long}"}
            calls.marks(ReadableSpan("call", attributes={**tool, "gen_ai.conversation.id": f"{number}{long}"}), "")
        kept_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept_bytes < 1_000_000
