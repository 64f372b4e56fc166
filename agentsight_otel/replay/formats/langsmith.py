"""LangSmith's export of runs: the root run of each trace is an exchange, runs of type tool are its tool calls."""

from collections.abc import Iterator, Sequence
from typing import Any

from agentsight_otel.replay import exchanges, fields
from agentsight_otel.replay.exchanges import Exchange
from agentsight_otel.replay.fields import Notes, document, listed
from agentsight_otel.replay.formats.base import Entry, of_entry
from agentsight_otel.replay.transcripts import Transcript

_SESSIONS = ("session_id", "thread_id", "conversation_id")


def recognises(value: Any) -> bool:
    """Whether a value is a LangSmith run."""
    return isinstance(value, dict) and "run_type" in value and "inputs" in value


def _metadata(value: dict[str, Any]) -> dict[str, Any]:
    extra = exchanges.parsed(value.get("extra"))
    inner = extra.get("metadata") if isinstance(extra, dict) else None
    metadata = exchanges.parsed(value.get("metadata") if inner is None else inner)
    return metadata if isinstance(metadata, dict) else {}


def with_children(entry: Entry) -> Iterator[Entry]:
    """A run, and all runs inside it."""
    yield entry
    children = exchanges.parsed(entry.value.get("child_runs"))
    for index, child in enumerate(listed(children or None, "child_runs")):
        place = f"{entry.path}.child_runs[{index}]".removeprefix(".")
        run = {**document(child, place), "trace_id": trace_of(entry.value), "parent_run_id": entry.value.get("id")}
        yield from with_children(Entry(entry.number, run, place))


def trace_of(value: Any) -> str:
    """The trace that a run belongs to."""
    return str(value.get("trace_id") or value.get("id"))


def conversations(entries: Sequence[Entry]) -> dict[str, str]:
    """The conversation of each trace: the one that some run of it names, else the trace itself."""
    sessions: dict[str, str] = {}
    for entry in entries:
        metadata = _metadata(entry.value)
        named = next((str(metadata[key]) for key in _SESSIONS if not fields.blank(metadata.get(key))), None)
        is_root = fields.blank(entry.value.get("parent_run_id"))
        if named is not None and (is_root or trace_of(entry.value) not in sessions):
            sessions[trace_of(entry.value)] = named
    return {trace_of(entry.value): sessions.get(trace_of(entry.value), trace_of(entry.value)) for entry in entries}


def _error(value: dict[str, Any]) -> str | None:
    error = value.get("error")
    return None if not error or fields.blank(error) else str(error)


def transcript(conversation: str, entries: Sequence[Entry], notes: Notes) -> Transcript:
    """Builds a conversation from the runs of its traces."""
    by_trace: dict[str, Exchange] = {}
    calls: list[tuple[str, Any]] = []
    for entry in entries:
        with of_entry(entry):
            value = document(entry.value, "run")
            at_ns = fields.time_of(value, names=("start_time", "startTime"))
            done_ns = fields.time_of(value, names=("end_time", "endTime"))
            outputs = value.get("outputs")
            if value.get("run_type") == "tool":
                calls.append(
                    (
                        trace_of(value),
                        exchanges.call(
                            value.get("name"), "run", value.get("inputs"), outputs, at_ns, done_ns, _error(value)
                        ),
                    )
                )
            elif fields.blank(value.get("parent_run_id")):
                metadata = _metadata(value)
                customer = metadata.get("user_id")
                by_trace[trace_of(value)] = Exchange(
                    value.get("inputs"),
                    outputs,
                    at_ns,
                    done_ns,
                    error=_error(value),
                    description={} if fields.blank(customer) else {"customer_id": str(customer)},
                )
    for trace, called in calls:
        exchange = by_trace.setdefault(trace, Exchange(None, None, called.at_ns, None))
        exchange.calls.append(called)
    return exchanges.transcript(conversation, list(by_trace.values()), notes)
