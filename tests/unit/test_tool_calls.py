"""A tool call that several instrumentations report counts once; two calls count twice."""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags

import agentsight_otel as agentsight
from agentsight_otel._tracing.duplicates import tool_of
from agentsight_otel.testing import Capture, capture

OPENINFERENCE = {"openinference.span.kind": "TOOL", "tool.name": "search"}
OPENTELEMETRY = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
OPENLLMETRY = {"traceloop.span.kind": "tool", "traceloop.entity.name": "search"}


@pytest.fixture
def spans() -> Iterator[Capture]:
    token = otel_context.attach(otel_context.Context())
    with capture(fixed=False) as captured, agentsight.conversation("c1"), agentsight.turn():
        yield captured
    otel_context.detach(token)


def counted(spans: Capture) -> list[tuple[str, str]]:
    """Scope and tool of the spans that the views count."""
    found = []
    for span in spans.finished:
        assert span.instrumentation_scope is not None
        if (tool := tool_of(span.attributes or {})) is not None:
            found.append((span.instrumentation_scope.name, tool))
    return sorted(found)


@pytest.mark.parametrize("dialect", [OPENINFERENCE, OPENTELEMETRY, OPENLLMETRY], ids=["inference", "otel", "llmetry"])
def test_a_third_partys_span_inside_our_tool_is_the_same_call(spans: Capture, dialect: dict[str, Any]) -> None:
    with agentsight.tool("search"), agentsight.task("part"):
        with spans.tracer("theirs").start_as_current_span("run", attributes=dialect):
            pass
    assert counted(spans) == [("agentsight_otel", "search")]
    inner = spans.named("run")
    assert (inner.attributes or {})["agentsight.span.kind"] == "task"


@pytest.mark.parametrize("dialect", [OPENINFERENCE, OPENTELEMETRY, OPENLLMETRY], ids=["inference", "otel", "llmetry"])
def test_our_tool_inside_a_third_partys_span_is_the_same_call_whether_that_is_current_or_not(
    spans: Capture, dialect: dict[str, Any]
) -> None:
    with spans.tracer("theirs").start_as_current_span("run") as current:
        with agentsight.tool(" Search "):
            pass
        current.set_attributes(dialect)  # some know only at the end
    aside = spans.tracer("theirs").start_span("run")
    with agentsight.tool("search"):
        pass
    aside.set_attributes(dialect)
    aside.end()
    assert [scope for scope, _ in counted(spans)] == ["agentsight_otel"] * 2


def test_calls_of_one_tool_side_by_side_are_told_apart(spans: Capture) -> None:
    outer = [spans.tracer("theirs").start_span("run", attributes=OPENINFERENCE) for _ in range(3)]
    for _ in range(2):
        with agentsight.tool("search"):
            pass
    for span in outer:
        span.end()
    assert [scope for scope, _ in counted(spans)] == ["agentsight_otel", "agentsight_otel", "theirs"]


def test_three_reports_of_one_call_are_one_call(spans: Capture) -> None:
    with spans.tracer("a").start_as_current_span("run", attributes=OPENINFERENCE):
        with spans.tracer("b").start_as_current_span("run", attributes=OPENTELEMETRY):
            with agentsight.tool("search"):
                pass
    with spans.tracer("a").start_as_current_span("run", attributes=OPENINFERENCE):
        with spans.tracer("b").start_as_current_span("run", attributes=OPENTELEMETRY):
            pass
    assert counted(spans) == [("agentsight_otel", "search"), ("b", "search")]


def test_two_that_hear_of_a_call_by_the_same_callbacks_report_one_call(spans: Capture) -> None:
    for _ in range(2):
        first, second = (spans.tracer(name).start_span("run", attributes=OPENINFERENCE) for name in ("a", "b"))
        first.end()
        second.end()
    assert counted(spans) == [("a", "search")] * 2


def test_different_calls_stay_different(spans: Capture) -> None:
    with agentsight.tool("search"):
        with agentsight.tool("search"):  # one scope that calls a tool within itself: two calls
            pass
        with agentsight.tool("fetch"), spans.tracer("theirs").start_as_current_span("run", attributes=OPENINFERENCE):
            pass  # another tool inside ours
    with spans.tracer("theirs").start_as_current_span("run", attributes=OPENINFERENCE):
        pass
    with spans.tracer("theirs").start_as_current_span("run", attributes=OPENINFERENCE):
        with spans.tracer("theirs").start_as_current_span("run", attributes=OPENINFERENCE):
            pass
    assert sorted(scope for scope, _ in counted(spans)) == ["agentsight_otel"] * 3 + ["theirs"] * 4


def test_calls_of_another_conversation_stay_different(spans: Capture) -> None:
    with spans.tracer("theirs").start_as_current_span("run", attributes=OPENINFERENCE):
        with agentsight.conversation("c2"), agentsight.tool("search"):
            pass
    assert [scope for scope, _ in counted(spans)] == ["agentsight_otel", "theirs"]


def test_what_was_measured_of_a_second_report_is_kept(spans: Capture) -> None:
    with agentsight.tool("search"):
        with spans.tracer("theirs").start_as_current_span(
            "run", attributes={**OPENINFERENCE, "input.value": "x"}
        ) as span:
            span.add_event("hit")
    kept: ReadableSpan = spans.named("run")
    assert (kept.attributes or {})["input.value"] == "x"
    assert (kept.attributes or {})["tool.name"] == "search"
    assert [event.name for event in kept.events] == ["hit"]
    assert kept.parent == spans.named("execute_tool search").context
    assert isinstance(span, trace.Span)
    assert kept.context == span.get_span_context()


MCP_CALL = "MCP send tools/call search"
MCP_CLIENT = {"mcp.method.name": "tools/call"}
MCP_SERVER = {**MCP_CLIENT, **OPENTELEMETRY}


def test_a_call_that_an_mcp_client_sends_is_a_tool_call(spans: Capture) -> None:
    with spans.tracer("mcp").start_as_current_span(MCP_CALL, kind=SpanKind.CLIENT, attributes=MCP_CLIENT):
        pass
    with spans.tracer("mcp").start_as_current_span(
        "MCP send tools/list", kind=SpanKind.CLIENT, attributes={"mcp.method.name": "tools/list"}
    ):
        pass
    with spans.tracer("mcp").start_as_current_span("tools/call", kind=SpanKind.CLIENT, attributes=MCP_CLIENT):
        pass  # of what tool?
    assert counted(spans) == [("mcp", "search")]


@pytest.mark.parametrize("name", ["search", "mcp__shop__search"])
@pytest.mark.parametrize("around", ["ours", "theirs"])
def test_a_tool_that_calls_an_mcp_server_is_the_same_call(spans: Capture, around: str, name: str) -> None:
    outer: Any = agentsight.tool(name)
    if around == "theirs":
        outer = spans.tracer("framework").start_as_current_span("run", attributes={**OPENINFERENCE, "tool.name": name})
    with (
        outer,
        spans.tracer("mcp").start_as_current_span(MCP_CALL, kind=SpanKind.CLIENT, attributes=MCP_CLIENT),
    ):
        pass
    assert len(counted(spans)) == 1


def test_a_tool_of_ours_under_another_name_that_calls_an_mcp_server_is_one_call(spans: Capture) -> None:
    with (
        agentsight.tool("look up"),
        spans.tracer("mcp").start_as_current_span(MCP_CALL, kind=SpanKind.CLIENT, attributes=MCP_CLIENT),
    ):
        pass
    assert counted(spans) == [("agentsight_otel", "look up")]


@pytest.mark.parametrize(("carried", "calls"), [("c1", []), ("", [("agentsight_otel", "search")])])
def test_a_server_that_answers_a_call_of_the_conversation_does_not_count_it_again(
    carried: str, calls: list[tuple[str, str]]
) -> None:
    caller = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1))
    there = trace.set_span_in_context(NonRecordingSpan(caller), otel_context.Context())
    if carried:
        there = baggage.set_baggage("gen_ai.conversation.id", carried, there)
    token = otel_context.attach(otel_context.Context())
    with capture(fixed=False) as spans, agentsight.conversation("c1"):
        with spans.tracer("mcp").start_as_current_span(
            "tools/call search", context=there, kind=SpanKind.SERVER, attributes=MCP_SERVER
        ):
            with agentsight.tool("search"), agentsight.task("part"):
                pass
        with agentsight.tool("other"):
            pass
        assert counted(spans) == [("agentsight_otel", "other"), *calls]
    otel_context.detach(token)
