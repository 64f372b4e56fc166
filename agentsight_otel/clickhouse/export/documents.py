"""Conversations as whole documents: their fields, and all messages and events in order."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from agentsight_otel import semconv
from agentsight_otel.clickhouse import message_times

COLUMNS = (
    *("conversation_id", "customer_id", "device", "source", "language", "country", "ip", "environment", "service"),
    *("name", "metadata", "opened_at", "started_at", "ended_at", "explicit_end_at", "last_activity_at", "marked"),
    *("deleted", "messages", "feedback"),
)
"""The columns of an exported conversation."""

NESTED = ("metadata", "messages", "feedback")
"""The columns with lists and objects; formats that have only plain values hold them as JSON."""

_CONVERSATIONS = """
SELECT conversation_id, service, environment, device, source, language, country, customer_id, name, marked, deleted,
    started_at, ended_at
FROM conversations_v
WHERE conversation_key IN (SELECT sipHash64(arrayJoin({ids:Array(String)}))) AND conversation_id IN {ids:Array(String)}
"""

_FACTS = f"""
SELECT ConversationId AS conversation_id,
    minOrNullIf(StartMs, AgentKind = '{semconv.KIND_CONVERSATION}' AND SpanName = '{semconv.SPAN_CONVERSATION_OPENED}')
        AS opened_ms,
    maxOrNullIf(StartMs, SpanAttributes['{semconv.CONVERSATION_ENDED}'] = 'true') AS explicit_end_ms,
    maxOrNullIf(EndMs, AgentKind NOT IN ('{semconv.KIND_CONVERSATION}', '{semconv.KIND_FEEDBACK}')) AS active_ms,
    argMaxIf(ClientAddress, Timestamp, ClientAddress != '') AS ip,
    argMaxIf(SpanAttributes['{semconv.CONVERSATION_METADATA}'] AS free, Timestamp, free != '') AS metadata
FROM otel_traces
WHERE IsCounted AND ConversationId IN {{ids:Array(String)}}
GROUP BY conversation_id
"""

_MESSAGES = """
SELECT conversation_id, timestamp, sender, content, metadata, trace_id, span_id, event_index
FROM messages_v
WHERE conversation_id IN {ids:Array(String)}
ORDER BY timestamp, sender = 'agent', event_index
"""

_EVENTS = f"""
SELECT ConversationId AS conversation_id, toUnixTimestamp64Nano(Timestamp) AS at_ns, DurationNs AS duration_ns,
    if(IsToolCall, 'tool', AgentKind) AS kind, ToolName AS tool, ToolFailed AS error, StatusMessage AS status_message,
    SpanAttributes AS attributes
FROM otel_traces
WHERE IsCounted AND ConversationId IN {{ids:Array(String)}}
    AND (IsToolCall OR AgentKind IN ('{semconv.KIND_BUTTON}', '{semconv.KIND_ATTACHMENT}'))
ORDER BY Timestamp
LIMIT 1 BY TraceId, SpanId
"""

_EVENTS_WITHOUT_ID = """
SELECT owners.conversation_id AS conversation_id, toUnixTimestamp64Nano(Timestamp) AS at_ns,
    DurationNs AS duration_ns, 'tool' AS kind, ToolName AS tool, ToolFailed AS error, StatusMessage AS status_message,
    SpanAttributes AS attributes
FROM otel_traces
INNER JOIN (SELECT trace_key, conversation_id FROM trace_owners FINAL WHERE conversation_id IN {ids:Array(String)})
    AS owners ON sipHash64(TraceId) = owners.trace_key
WHERE ConversationId = '' AND HasSpanId AND NOT IsIgnored AND IsToolCall
ORDER BY Timestamp
LIMIT 1 BY TraceId, SpanId
"""

_FEEDBACK = """
SELECT conversation_id, timestamp, sentiment, source, comment, metadata
FROM feedback_v
WHERE conversation_id IN {ids:Array(String)}
ORDER BY timestamp
"""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
Row = dict[str, Any]


def documents(client: Any, ids: Sequence[str]) -> Iterable[Row]:
    """The documents of some conversations, keyed by ``COLUMNS``.

    Args:
        client: A clickhouse-connect client in the database.
        ids: The conversations' ids.
    """
    facts = {row["conversation_id"]: row for row in _ask(client, _FACTS, ids)}
    times = message_times.by_span(_ask(client, message_times.SQL, ids))
    entries: dict[str, list[tuple[int, Row]]] = defaultdict(list)
    for row in _ask(client, _MESSAGES, ids):
        at_ns = message_times.at_ns(times, row, _us(row["timestamp"]) * 1_000)
        entry = {"role": "user" if row["sender"] == semconv.SENDER_END_USER else "assistant", "content": row["content"]}
        entries[row["conversation_id"]].append((at_ns, _timed(entry, at_ns // 1_000, _free(row["metadata"]))))
    for row in (*_ask(client, _EVENTS, ids), *_ask(client, _EVENTS_WITHOUT_ID, ids)):
        entries[row["conversation_id"]].append((row["at_ns"], _timed(*_event(row))))
    feedback: dict[str, list[Row]] = defaultdict(list)
    for row in _ask(client, _FEEDBACK, ids):
        rating = {"sentiment": row["sentiment"], "source": row["source"], "comment": row["comment"]}
        ratings = {key: value for key, value in rating.items() if value}
        feedback[row["conversation_id"]].append(_timed(ratings, _us(row["timestamp"]), _free(row["metadata"])))
    for row in _ask(client, _CONVERSATIONS, ids):
        fact = facts.get(row["conversation_id"], {})
        yield {
            **{name: row[name] for name in COLUMNS if name in row},
            "ip": fact.get("ip", ""),
            "metadata": _free(fact.get("metadata", "")),
            "opened_at": _iso_ms(fact.get("opened_ms")),
            "started_at": _iso(row["started_at"]),
            "ended_at": _iso(row["ended_at"]),
            "explicit_end_at": _iso_ms(fact.get("explicit_end_ms")),
            "last_activity_at": _iso_ms(fact.get("active_ms")),
            "marked": bool(row["marked"]),
            "deleted": bool(row["deleted"]),
            # Sorting is stable: at equal times messages keep their order, and come first.
            "messages": [entry for _, entry in sorted(entries[row["conversation_id"]], key=lambda pair: pair[0])],
            "feedback": feedback[row["conversation_id"]],
        }


def _event(row: Row) -> tuple[Row, int, Any]:
    attributes, at_us = row["attributes"], row["at_ns"] // 1_000
    free = _free(attributes.get(semconv.METADATA, ""))
    if row["kind"] == semconv.KIND_TOOL:
        call = {
            "id": attributes.get(semconv.GEN_AI_TOOL_CALL_ID, ""),
            "name": row["tool"],
            "arguments": attributes.get(semconv.GEN_AI_TOOL_CALL_ARGUMENTS, ""),
            "result": attributes.get(semconv.GEN_AI_TOOL_CALL_RESULT, ""),
            "started_at": _iso_us(at_us),
            "duration_ms": row["duration_ns"] / 1e6,
            "error": bool(row["error"]),
            "error_type": attributes.get(semconv.ERROR_TYPE, ""),
            "error_message": row["status_message"] if row["error"] else "",
        }
        return {"role": "assistant", "tool_calls": [{key: call[key] for key in call if call[key] != ""}]}, at_us, free
    if row["kind"] == semconv.KIND_BUTTON:
        keys = {"event": semconv.BUTTON_EVENT, "label": semconv.BUTTON_LABEL, "value": semconv.BUTTON_VALUE}
        button = {name: attributes.get(key, "") for name, key in keys.items()}
        return {"role": "user", "button": button}, at_us, free
    by_agent = attributes.get(semconv.ATTACHMENT_SENDER) == semconv.SENDER_AGENT
    files = _free(attributes.get(semconv.ATTACHMENT_FILES, ""))
    entry = {"role": "assistant" if by_agent else "user", "attachments": files if isinstance(files, list) else []}
    return entry, at_us, free


def _timed(entry: Row, at_us: int, metadata: Any) -> Row:
    return {**entry, "created_at": _iso_us(at_us), **({"metadata": metadata} if metadata else {})}


def _ask(client: Any, sql: str, ids: Sequence[str]) -> list[Row]:
    result = client.query(sql, parameters={"ids": list(ids)})
    return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]


def _free(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:  # a plain text
        return {"text": text}


def _us(moment: datetime) -> int:
    return (moment.replace(tzinfo=timezone.utc) - _EPOCH) // timedelta(microseconds=1)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else _iso_us(_us(moment))


def _iso_ms(ms: int | None) -> str | None:
    return None if ms is None else _iso_us(ms * 1_000)


def _iso_us(us: int) -> str:
    moment = _EPOCH + timedelta(microseconds=us)
    return moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
