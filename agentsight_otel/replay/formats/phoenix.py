"""Phoenix's export of spans with OpenInference's attributes: the root span of each trace is an exchange."""

from collections.abc import Sequence
from typing import Any

from agentsight_otel.replay import exchanges, fields
from agentsight_otel.replay.exchanges import Exchange
from agentsight_otel.replay.fields import Notes, document
from agentsight_otel.replay.formats.base import Entry, of_entry
from agentsight_otel.replay.transcripts import Transcript


def _get(value: Any, path: str) -> Any:
    """The value at a dotted path, in nested objects, in one flat object, or in a mix of both."""
    if not isinstance(value, dict):
        return None
    if path in value:
        return value[path]
    steps = path.split(".")
    for count in range(len(steps) - 1, 0, -1):
        inner = value.get(".".join(steps[:count]))
        if isinstance(inner, dict) and (member := _get(inner, ".".join(steps[count:]))) is not None:
            return member
    return None


def recognises(value: Any) -> bool:
    """Whether a value is a span."""
    return (
        isinstance(value, dict)
        and _get(value, "context.trace_id") is not None
        and ("span_kind" in value or _get(value, "attributes.openinference.span.kind") is not None)
    )


def trace_of(value: Any) -> str:
    """The trace of a span."""
    return str(_get(value, "context.trace_id"))


def conversations(entries: Sequence[Entry]) -> dict[str, str]:
    """The conversation of each trace: its session, else the trace itself."""
    sessions = {trace_of(entry.value): trace_of(entry.value) for entry in entries}
    for entry in entries:
        if not fields.blank(session := _get(entry.value, "attributes.session.id")):
            sessions[trace_of(entry.value)] = str(session)
    return sessions


def transcript(conversation: str, entries: Sequence[Entry], notes: Notes) -> Transcript:
    """Builds a conversation from the spans of its traces."""
    by_trace: dict[str, Exchange] = {}
    calls = []
    for entry in entries:
        with of_entry(entry):
            value = document(entry.value, "span")
            at_ns = fields.time_of(value, names=("start_time", "startTime"))
            done_ns = fields.time_of(value, names=("end_time", "endTime"))
            kind = value.get("span_kind") or _get(value, "attributes.openinference.span.kind")
            failed = str(value.get("status_code", "")).upper() == "ERROR"
            error = (value.get("status_message") or "error") if failed else None
            input, output = _get(value, "attributes.input.value"), _get(value, "attributes.output.value")
            if str(kind).upper() == "TOOL":
                name = _get(value, "attributes.tool.name") or value.get("name")
                calls.append((trace_of(value), exchanges.call(name, "span", input, output, at_ns, done_ns, error)))
            elif fields.blank(value.get("parent_id")) and fields.blank(value.get("parentId")):
                customer = _get(value, "attributes.user.id")
                by_trace[trace_of(value)] = Exchange(
                    input,
                    output,
                    at_ns,
                    done_ns,
                    error=str(error) if error else None,
                    description={} if fields.blank(customer) else {"customer_id": str(customer)},
                )
    for trace, called in calls:
        exchange = by_trace.setdefault(trace, Exchange(None, None, called.at_ns, None))
        exchange.calls.append(called)
    return exchanges.transcript(conversation, list(by_trace.values()), notes)
