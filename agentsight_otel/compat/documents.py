"""Conversations as whole documents, from the views and their spans."""

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from agentsight_otel import semconv
from agentsight_otel.clickhouse import message_times

Row = dict[str, Any]

_MS = 1_000_000  # ns

_CONVERSATION = f"""
SELECT
    ConversationId AS conversation_id,
    argMaxIf(ClientAddress, Timestamp, ClientAddress != '') AS address,
    argMaxIf(Country, Timestamp, Country != '') AS country,
    argMaxIf(SpanAttributes['{semconv.GEO_LOCALITY_NAME}'] AS locality, Timestamp, locality != '') AS city,
    argMaxIf(SpanAttributes['{semconv.CONVERSATION_METADATA}'] AS free, Timestamp, free != '') AS metadata,
    maxOrNullIf(Timestamp, SpanAttributes['{semconv.CONVERSATION_DELETED}'] = 'true') AS deleted_at
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
SELECT
    ConversationId AS conversation_id,
    fromUnixTimestamp64Milli(StartMs, 'UTC') AS timestamp,
    toUnixTimestamp64Nano(Timestamp) AS at_ns,
    DurationNs AS duration_ns,
    if(IsToolCall, 'tool', AgentKind) AS kind,
    ToolName AS tool,
    if(IsError, StatusMessage, '') AS error_message,
    IsError AS is_error,
    SpanAttributes AS attributes,
    SpanId AS span_id
FROM otel_traces
WHERE IsCounted AND ConversationId IN {{ids:Array(String)}}
    AND (IsToolCall OR AgentKind IN ('{semconv.KIND_BUTTON}', '{semconv.KIND_ATTACHMENT}'))
ORDER BY Timestamp, TraceId, SpanId
LIMIT 1 BY TraceId, SpanId
"""

_FEEDBACK = """
SELECT conversation_id, timestamp, sentiment, source, comment, metadata, span_id
FROM feedback_v
WHERE conversation_id IN {ids:Array(String)}
ORDER BY timestamp, trace_id, span_id
"""


def documents(client: Any, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The documents of conversations, with their messages, events and feedback.

    Args:
        client: A clickhouse-connect client in the database.
        rows: Rows of ``resolved_conversations``, keyed by column.
    """
    ids = [row["conversation_id"] for row in rows]
    if not ids:
        return []
    fields = {row["conversation_id"]: row for row in _ask(client, _CONVERSATION, ids)}
    entries = _entries(client, ids)
    feedbacks: dict[str, list[Row]] = defaultdict(list)
    for row in _ask(client, _FEEDBACK, ids):
        feedbacks[row["conversation_id"]].append(_feedback(row))
    return [
        _document(row, fields.get(row["conversation_id"], {}))
        | {"messages": entries[row["conversation_id"]], "feedbacks": feedbacks[row["conversation_id"]]}
        for row in rows
    ]


def _entries(client: Any, ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The messages and events of each conversation, in the order of time."""
    times = message_times.by_span(_ask(client, message_times.SQL, ids))
    entries: dict[str, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
    by_moment: dict[tuple[str, str, int], dict[str, Any]] = {}
    for row in _ask(client, _MESSAGES, ids):
        at_ns = message_times.at_ns(times, row, _ns(row["timestamp"]))
        entry = _message(row)
        entries[row["conversation_id"]].append((at_ns, entry))
        by_moment[row["conversation_id"], row["sender"], at_ns // _MS] = entry
    for row in _ask(client, _EVENTS, ids):
        entry = _event(row)
        moment = (row["conversation_id"], entry["sender"], row["at_ns"] // _MS)
        if entry["attachments"] and moment in by_moment:  # they came with that message
            by_moment[moment]["attachments"] += entry["attachments"]
        else:
            entries[row["conversation_id"]].append((row["at_ns"], entry))
    # Sorting is stable: at equal times messages keep their order, and come first.
    return defaultdict(
        list,
        {key: [entry for _, entry in sorted(each, key=lambda pair: pair[0])] for key, each in entries.items()},
    )


def rows_of(result: Any) -> list[Row]:
    """A clickhouse-connect result as rows keyed by column."""
    return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]


def _ask(client: Any, sql: str, ids: Sequence[str]) -> list[Row]:
    return rows_of(client.query(sql, parameters={"ids": list(ids)}))


def _document(row: Row, fields: Row) -> dict[str, Any]:
    address, country, city = (fields.get(key) or None for key in ("address", "country", "city"))
    return {
        "id": row["conversation_id"],
        "conversation_id": row["conversation_id"],
        "name": row["name"] or None,
        "customer_id": row["customer_id"] or None,
        "customer_ip_address": address,
        "device": _known(row["device"]),
        "source": _known(row["source"]),
        "language": _known(row["language"]),
        "environment": _known(row["environment"]),
        "is_marked": bool(row["marked"]),
        "is_deleted": bool(row["deleted"]),
        "is_used": row["started_at"] is not None,
        "started_at": _iso(row["begun_at"]),
        "ended_at": _iso(row["ended_at"]),
        "deleted_at": _iso(fields.get("deleted_at")) if row["deleted"] else None,
        "metadata": _free(fields.get("metadata", "")),
        "geo_location": {"ip_address": address, "city": city, "country": country} if address or country else None,
    }


def _entry(row: Row, entry_id: str, sender: str) -> dict[str, Any]:
    return {
        "id": entry_id,
        "timestamp": _iso(row["timestamp"]),
        "sender": sender,
        "content": "",
        "action_name": None,
        "metadata": {},
        "attachments": [],
        "action_logs": [],
        "button": None,
    }


def _message(row: Row) -> dict[str, Any]:
    entry = _entry(row, f"{row['span_id']}-{row['event_index']}", row["sender"])
    return entry | {"content": row["content"], "metadata": _free(row["metadata"])}


def _event(row: Row) -> dict[str, Any]:
    attributes, free = row["attributes"], _free(row["attributes"].get(semconv.METADATA, ""))
    if row["kind"] == semconv.KIND_TOOL:
        log = {
            "id": row["span_id"],
            "started_at": _iso(row["timestamp"]),
            "ended_at": _iso(row["timestamp"] + timedelta(microseconds=row["duration_ns"] // 1_000)),
            "duration_ms": row["duration_ns"] / 1e6,
            "tools_used": _free(attributes.get(semconv.GEN_AI_TOOL_CALL_ARGUMENTS, "")),
            "response": attributes.get(semconv.GEN_AI_TOOL_CALL_RESULT, ""),
            "error_message": row["error_message"] or ("error" if row["is_error"] else ""),
            "metadata": free,
        }
        return _entry(row, row["span_id"], semconv.SENDER_AGENT) | {"action_name": row["tool"], "action_logs": [log]}
    if row["kind"] == semconv.KIND_BUTTON:
        button = {
            "button_event": attributes.get(semconv.BUTTON_EVENT, ""),
            "label": attributes.get(semconv.BUTTON_LABEL, ""),
            "value": attributes.get(semconv.BUTTON_VALUE, ""),
            "metadata": free,
        }
        return _entry(row, row["span_id"], semconv.SENDER_END_USER) | {"button": button}
    sender = attributes.get(semconv.ATTACHMENT_SENDER, semconv.SENDER_END_USER)
    files = _free(attributes.get(semconv.ATTACHMENT_FILES, ""))
    return _entry(row, row["span_id"], sender) | {
        "attachments": [
            _attachment(file, f"{row['span_id']}-{number}")
            for number, file in enumerate(files if isinstance(files, list) else [], 1)
            if isinstance(file, dict)
        ],
        "metadata": free,
    }


def _attachment(file: Row, attachment_id: str) -> dict[str, Any]:
    return {
        "id": attachment_id,
        "filename": file.get("name"),
        "mime_type": file.get("type"),
        "size_bytes": file.get("size"),
        "file_url": file.get("url"),
    }


def _feedback(row: Row) -> dict[str, Any]:
    return {
        "id": row["span_id"],
        "sentiment": row["sentiment"],
        "source": row["source"],
        "comment": row["comment"],
        "metadata": _free(row["metadata"]),
        "created_at": _iso(row["timestamp"]),
    }


def _known(value: str) -> str | None:
    return None if value == "unknown" else value


def _free(text: str) -> Any:
    try:
        return json.loads(text) if text else {}
    except ValueError:  # a plain text
        return text


def _ns(moment: datetime) -> int:
    return int(moment.replace(tzinfo=timezone.utc).timestamp() * 1_000) * _MS


def _iso(moment: datetime | None) -> str | None:
    """A time in ISO 8601; one without a time zone is UTC."""
    return None if moment is None else moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
