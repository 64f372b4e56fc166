"""Makes a tool call that several instrumentations report count once."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from opentelemetry import baggage, trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind

from agentsight_otel import semconv
from agentsight_otel._core.locks import new_lock
from agentsight_otel._tracing.runtime import TRACER_NAME

_MAX_TOOLS = 1_024
_MAX_CALLS = 256
_LONGEST_KEPT = 255
_MCP_TOOL_CALL = "tools/call"
_NOT_A_CALL = {
    semconv.SPAN_KIND: semconv.KIND_TASK,
    semconv.GEN_AI_OPERATION_NAME: semconv.KIND_TASK,
    "openinference.span.kind": "CHAIN",
    "traceloop.span.kind": semconv.KIND_TASK,
}


@dataclass
class _Call:
    start_ns: int
    end_ns: int
    scopes: set[str] = field(default_factory=set)


class ToolCalls:
    """Recognises the second and later reports of a tool call.

    Two spans of different instrumentation scopes are one call if both are tool calls of the same name in the same
    conversation, and overlap in time: one ran inside the other, or both come from the same callbacks. This package's
    own span counts if there is one, else the one that ends first. Two nested tool spans of one scope are two calls.

    Attributes:
        only_ours: Whether no other instrumentation has reported a span yet.
    """

    def __init__(self) -> None:
        self._lock = new_lock()
        self._ended: OrderedDict[tuple[str, str], list[_Call]] = OrderedDict()
        self.only_ours = True

    def others_report(self) -> None:
        """Notes that another instrumentation reports spans, so that calls are compared from now on."""
        self.only_ours = False

    def forget(self) -> None:
        """Forgets all calls, when the provider is shut down: the next one may have other instrumentations."""
        with self._lock:
            self._ended.clear()
            self.only_ours = True

    def marks(self, span: ReadableSpan, inside: str) -> Mapping[str, str]:
        """The attributes to set on a finished span so that its tool call counts once; mostly on all reports but one.

        Args:
            span: The finished span.
            inside: The tool that it ran in: of this package, for a third party's span, or of a caller; '' for none.
        """
        if self.only_ours:
            return {}
        called = {} if inside else _mcp_call(span)
        return {**called, **self._demotion(span, {**(span.attributes or {}), **called}, inside)}

    def _demotion(self, span: ReadableSpan, attributes: Mapping[str, Any], inside: str) -> Mapping[str, str]:
        """The attributes to set so that a span does not count; empty for one that counts, or is no tool call."""
        name = tool_of(attributes)
        if name is None:
            return {}
        scope = span.instrumentation_scope.name if span.instrumentation_scope else ""
        ours = scope == TRACER_NAME
        if demotion := repetition(attributes, inside):
            return demotion
        start_ns, end_ns = span.start_time or 0, span.end_time or 0
        with self._lock:
            calls = self._calls(str(attributes.get(semconv.CONVERSATION_ID, "")), name)
            if not ours:
                for call in calls:
                    if scope not in call.scopes and start_ns <= call.end_ns and call.start_ns <= end_ns:
                        call.scopes.add(scope)
                        call.start_ns, call.end_ns = min(start_ns, call.start_ns), max(end_ns, call.end_ns)
                        return _overriding(attributes)
            calls.append(_Call(start_ns, end_ns, {scope}))
            if len(calls) > _MAX_CALLS:
                del calls[0]
        return {}

    def _calls(self, conversation_id: str, name: str) -> list[_Call]:
        key = conversation_id[:_LONGEST_KEPT], _folded(name)[:_LONGEST_KEPT]
        calls = self._ended.setdefault(key, [])
        self._ended.move_to_end(key)
        if len(self._ended) > _MAX_TOOLS:
            self._ended.popitem(last=False)
        return calls


TOOL_CALLS = ToolCalls()
"""The tool calls of this process."""


def tool_of(attributes: Mapping[str, Any]) -> str | None:
    """The name of the tool that a span of any dialect is a call of; None if it is no tool call."""
    if not any(attributes.get(key) == mark for key, mark in semconv.TOOL_CALL_MARKS):
        return None
    *keys, traceloop = semconv.TOOL_NAME_KEYS
    if attributes.get("traceloop.span.kind") == "tool":
        keys.append(traceloop)
    return next((str(attributes[key]) for key in keys if attributes.get(key)), "")


def _mcp_call(span: ReadableSpan) -> dict[str, str]:
    """The attributes that make a client's span of the Model Context Protocol a tool call, where it lacks them.

    The span is named ``… tools/call {tool}``.
    """
    attributes = span.attributes or {}
    if (
        span.kind is not SpanKind.CLIENT
        or attributes.get(semconv.MCP_METHOD_NAME) != _MCP_TOOL_CALL
        or tool_of(attributes) is not None
        or not (tool := span.name.partition(f"{_MCP_TOOL_CALL} ")[2])
    ):
        return {}
    return {semconv.GEN_AI_OPERATION_NAME: semconv.OPERATION_EXECUTE_TOOL, semconv.GEN_AI_TOOL_NAME: tool}


def answered(span: ReadableSpan, parent_context: Context | None) -> str:
    """The tool whose call, recorded by the caller in another process, an MCP server's span serves; '' for none.

    The caller's identity is in the baggage.
    """
    attributes = span.attributes or {}
    if span.kind is not SpanKind.SERVER or attributes.get(semconv.MCP_METHOD_NAME) != _MCP_TOOL_CALL:
        return ""
    caller = trace.get_current_span(parent_context).get_span_context()
    if not caller.is_remote or not baggage.get_baggage(semconv.CONVERSATION_ID, parent_context):
        return ""
    return tool_of(attributes) or ""


def repetition(attributes: Mapping[str, Any], inside: str) -> Mapping[str, str]:
    """The attributes to set on a span so that it does not count, if it is a call of the tool in which it runs.

    Args:
        attributes: The span's attributes.
        inside: The tool that it runs in: of this package, for a third party's span, or of a caller; '' for none.
    """
    name = tool_of(attributes) if inside else None
    return _overriding(attributes) if name is not None and _folded(name) == _folded(inside) else {}


def _overriding(attributes: Mapping[str, Any]) -> dict[str, str]:
    return {key: value for key, value in _NOT_A_CALL.items() if key == semconv.SPAN_KIND or key in attributes}


def _folded(name: str) -> str:
    """A tool's name without what frameworks put before it, such as an MCP server's name: mcp__shop__find_order."""
    folded = name.strip().lower()
    return folded.split("__", 2)[2] if folded.startswith("mcp__") and folded.count("__") > 1 else folded
