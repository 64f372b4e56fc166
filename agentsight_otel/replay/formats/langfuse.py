"""Langfuse's exports: traces, with or without their observations, or observations alone."""

from collections.abc import Iterable, Sequence
from typing import Any

from agentsight_otel.replay import exchanges, fields
from agentsight_otel.replay.content import jsonish
from agentsight_otel.replay.exchanges import Exchange
from agentsight_otel.replay.fields import Notes, document, listed, shown
from agentsight_otel.replay.formats.base import Entry, of_entry
from agentsight_otel.replay.transcripts import Feedback, ToolCall, Transcript

_OBSERVATIONS = frozenset(
    {
        *("GENERATION", "SPAN", "EVENT", "TOOL", "AGENT", "CHAIN", "RETRIEVER", "EVALUATOR", "EMBEDDING"),
        "GUARDRAIL",
    }
)
_RATERS = {"API": "customer", "ANNOTATION": "platform"}
"""Who gave a score, by its source; a model did where it is EVAL."""


def _first(value: dict[str, Any], *names: str) -> Any:
    return next((value[name] for name in names if not fields.blank(value.get(name))), None)


def _is_observation(value: dict[str, Any]) -> bool:
    return _first(value, "traceId", "trace_id") is not None and str(value.get("type")).upper() in _OBSERVATIONS


def recognises(value: Any) -> bool:
    """Whether a value is a Langfuse trace with input and output, or an observation of one."""
    if not isinstance(value, dict) or "id" not in value or "run_type" in value:
        return False
    return _is_observation(value) or (
        value.keys() >= {"input", "output"}
        and bool(value.keys() & {"sessionId", "session_id", "observations", "userId", "htmlPath", "projectId"})
    )


def trace_of(value: Any) -> str:
    """The trace that a value is, or belongs to."""
    trace = _first(value, "traceId", "trace_id") if _is_observation(value) else value.get("id")
    return fields.conversation_id({"id": trace}) or fields.text(trace, "id")


def conversations(entries: Sequence[Entry]) -> dict[str, str]:
    """The conversation of each trace: its session, else the trace itself."""
    sessions = {trace_of(entry.value): trace_of(entry.value) for entry in entries}
    for entry in entries:
        if (session := _first(entry.value, "sessionId", "session_id")) is not None:
            sessions[trace_of(entry.value)] = str(session)
    return sessions


def transcript(conversation: str, entries: Sequence[Entry], notes: Notes) -> Transcript:
    """Builds a conversation from the traces of its session."""
    by_trace: dict[str, list[Exchange]] = {}
    observed: dict[str, list[Entry]] = {}
    for entry in entries:
        with of_entry(entry):
            trace = trace_of(entry.value)
            if _is_observation(entry.value):
                observed.setdefault(trace, []).append(entry)
            else:
                by_trace.setdefault(trace, []).append(_exchange(document(entry.value, "trace"), notes))
    for trace, group in observed.items():
        if trace in by_trace:
            by_trace[trace][0].calls += [_tool(entry.value, "observation") for entry in group if _is_tool(entry.value)]
        else:
            by_trace[trace] = _of_observations(group, notes)
    return exchanges.transcript(conversation, [each for group in by_trace.values() for each in group], notes)


def _of_observations(entries: Sequence[Entry], notes: Notes) -> list[Exchange]:
    """The exchanges of a trace whose observations alone are there: one for each that is below no other."""
    by_id = {entry.value["id"]: entry.value for entry in entries}
    exchange_of: dict[str, Exchange] = {}
    calls: list[tuple[str, ToolCall]] = []
    for entry in entries:
        with of_entry(entry):
            if _is_tool(entry.value):
                calls.append((_root(entry.value, by_id), _tool(entry.value, "observation")))
            elif _root(entry.value, by_id) == entry.value["id"]:
                exchange_of[entry.value["id"]] = _exchange(entry.value, notes)
    for root, call in calls:
        exchange_of.setdefault(root, Exchange(None, None, call.at_ns, None)).calls.append(call)
    return list(exchange_of.values())


def _root(value: dict[str, Any], by_id: dict[str, Any]) -> str:
    passed = set()
    while (above := _first(value, "parentObservationId", "parent_observation_id")) in by_id and above not in passed:
        passed.add(above)
        value = by_id[above]
    return str(value["id"])


def _is_tool(value: dict[str, Any]) -> bool:
    return str(value.get("type")).upper() == "TOOL"


def _tool(observed: dict[str, Any], where: str) -> ToolCall:
    return exchanges.call(
        observed.get("name"),
        where,
        observed.get("input"),
        observed.get("output"),
        fields.time_of(observed, f"{where}.", ("startTime", "start_time")),
        fields.time_of(observed, f"{where}.", ("endTime", "end_time")),
        (observed.get("statusMessage") or "error") if observed.get("level") == "ERROR" else None,
    )


def _exchange(value: dict[str, Any], notes: Notes) -> Exchange:
    at_ns = fields.time_of(value)
    done = [fields.time_of(value, names=("endTime", "end_time"))]
    if at_ns is not None and isinstance(value.get("latency"), (int, float)):
        done.append(at_ns + round(value["latency"] * 1e9))
    calls = []
    for index, entry in enumerate(listed(exchanges.parsed(value.get("observations")) or None, "observations")):
        where = f"observations[{index}]"
        if isinstance(entry, str):
            continue  # its id alone
        observed = document(entry, where)
        done.append(fields.time_of(observed, f"{where}.", ("endTime", "end_time")))
        if _is_tool(observed):
            calls.append(_tool(observed, where))
    metadata = exchanges.parsed(value.get("metadata"))
    described = {}
    if (user := _first(value, "userId", "user_id")) is not None:
        described["customer_id"] = fields.text(user, "userId")
    if not fields.blank(value.get("environment")):
        described["environment"] = fields.text(value["environment"], "environment")
    return Exchange(
        value.get("input"),
        value.get("output"),
        at_ns,
        max((at for at in done if at is not None), default=None),
        error=jsonish(value.get("statusMessage")) or "error" if value.get("level") == "ERROR" else None,
        calls=calls,
        description=described,
        metadata=metadata if isinstance(metadata, dict) else None,
        feedback=list(_ratings(exchanges.parsed(value.get("scores")), notes)),
    )


def _ratings(scores: Any, notes: Notes) -> Iterable[Feedback]:
    """The scores that people gave, as ratings: thumbs, yes and no, or from -1 or 0 to 1."""
    for index, entry in enumerate(listed(scores or None, "scores")):
        if isinstance(entry, str):
            continue  # its id alone
        score = document(entry, f"scores[{index}]")
        rater = _RATERS.get(str(score.get("source", "API")).upper())
        sentiment = _sentiment(score)
        if rater is None or sentiment is None:
            name = shown(score.get("name"))
            notes.say(f"scores named {name} are left out: expected one that people gave, a sentiment or from -1 to 1")
            continue
        yield Feedback(
            sentiment,
            comment=fields.optional_text(score.get("comment"), f"scores[{index}].comment") or None,
            source=rater,
            at_ns=fields.time_of(score, f"scores[{index}]."),
        )


def _sentiment(score: dict[str, Any]) -> str | None:
    word = str(score.get("stringValue") or score.get("value")).lower()
    if word in fields.SENTIMENTS:
        return word
    if word in ("true", "false"):
        return "positive" if word == "true" else "negative"
    value = score.get("value")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -1 <= value <= 1:
        return None
    return "positive" if value > 0.5 else "neutral" if value == 0.5 else "negative"
