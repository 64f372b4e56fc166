"""One tool call that several instrumentations report counts once."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan

from agentsight_otel import semconv
from agentsight_otel._locks import new_lock
from agentsight_otel.runtime import TRACER_NAME

_MAX_TOOLS = 1_024
_MAX_CALLS = 256
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
    """Tells the second and later reports of a tool call from the first.

    Two spans of different instrumentation scopes are one call if both are tool calls of the same name in the same
    conversation, and overlap in time: one ran inside the other, or both are told of it by the same callbacks. Ours
    counts if there is one, else the one that ends first. One scope that calls a tool within itself means two calls.

    Attributes:
        only_ours: Whether nobody else has reported anything yet.
    """

    def __init__(self) -> None:
        self._lock = new_lock()
        self._ended: OrderedDict[tuple[str, str], list[_Call]] = OrderedDict()
        self.only_ours = True

    def others_report(self) -> None:
        """From now on there is something to compare with."""
        self.only_ours = False

    def demotion(self, span: ReadableSpan, inside: str) -> Mapping[str, str]:
        """What to set on a finished span so that it is not counted; empty for one that counts, or is no tool call.

        Args:
            span: A finished one.
            inside: The tool of ours that it ran in; '' for none.
        """
        if self.only_ours:
            return {}
        attributes = span.attributes or {}
        name = tool_of(attributes)
        if name is None:
            return {}
        scope = span.instrumentation_scope.name if span.instrumentation_scope else ""
        ours = scope == TRACER_NAME
        if not ours and (found := repetition(attributes, inside)):
            return found
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
        key = conversation_id, _folded(name)
        calls = self._ended.setdefault(key, [])
        self._ended.move_to_end(key)
        if len(self._ended) > _MAX_TOOLS:
            self._ended.popitem(last=False)
        return calls


TOOL_CALLS = ToolCalls()
"""Of this process."""


def tool_of(attributes: Mapping[str, Any]) -> str | None:
    """The tool that a span of any dialect is a call of; None if it is none."""
    if not any(attributes.get(key) == mark for key, mark in semconv.TOOL_CALL_MARKS):
        return None
    *keys, traceloop = semconv.TOOL_NAME_KEYS
    if attributes.get("traceloop.span.kind") == "tool":
        keys.append(traceloop)
    return next((str(attributes[key]) for key in keys if attributes.get(key)), "")


def repetition(attributes: Mapping[str, Any], inside: str) -> Mapping[str, str]:
    """What to set on a third party's span so that it is not counted, if it is a call of the tool that it runs in.

    Args:
        attributes: Of the span.
        inside: The tool of ours that it runs in; '' for none.
    """
    name = tool_of(attributes) if inside else None
    return _overriding(attributes) if name is not None and _folded(name) == _folded(inside) else {}


def _overriding(attributes: Mapping[str, Any]) -> dict[str, str]:
    return {key: value for key, value in _NOT_A_CALL.items() if key == semconv.SPAN_KIND or key in attributes}


def _folded(name: str) -> str:
    return name.strip().lower()
