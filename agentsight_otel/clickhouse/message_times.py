"""The times of messages to the nanosecond: views have them in milliseconds, in which a tool call may begin as well."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agentsight_otel import semconv

SQL = f"""
SELECT TraceId AS trace_id, SpanId AS span_id,
    any(arrayMap(at -> toUnixTimestamp64Nano(at), Events.Timestamp)) AS times_ns
FROM otel_traces
WHERE IsCounted AND ConversationId IN {{ids:Array(String)}} AND has(Events.Name, '{semconv.EVENT_MESSAGE}')
GROUP BY trace_id, span_id
"""
"""The times of all events of the spans with messages, of some conversations."""

Times = Mapping[tuple[str, str], Sequence[int]]
"""The times by trace and span."""


def by_span(rows: Iterable[Mapping[str, Any]]) -> Times:
    """The times by trace and span, from the rows of ``SQL`` keyed by column."""
    return {(row["trace_id"], row["span_id"]): row["times_ns"] for row in rows}


def at_ns(times: Times, message: Mapping[str, Any], otherwise_ns: int) -> int:
    """When a message was sent, ns since 1970.

    Args:
        times: Of ``by_span``.
        message: A row of ``messages_v`` with its ``trace_id``, ``span_id`` and ``event_index``.
        otherwise_ns: The time of a message that is no event, such as one that was derived.
    """
    of_span = times.get((message["trace_id"], message["span_id"]), ())
    index = message["event_index"] - 1
    return of_span[index] if 0 <= index < len(of_span) else otherwise_ns
