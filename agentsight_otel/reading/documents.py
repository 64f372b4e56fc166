"""Conversations as whole documents, with what their spans say."""

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from agentsight_otel import semconv

Row = dict[str, Any]

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
SELECT conversation_id, timestamp, sender, content, metadata, span_id, event_index
FROM messages_v
WHERE conversation_id IN {ids:Array(String)}
ORDER BY timestamp, sender = 'agent', trace_id, span_id, event_index
"""

_EVENTS = f"""
SELECT
    ConversationId AS conversation_id,
    fromUnixTimestamp64Milli(StartMs, 'UTC') AS timestamp,
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
    """Rows of ``resolved_conversations`` with what belongs to them.

    Args:
        client: A clickhouse-connect client in the database.
        rows: Keyed by column.
    """
    ids = [row["conversation_id"] for row in rows]
    if not ids:
        return []
    known = {row["conversation_id"]: row for row in _ask(client, _CONVERSATION, ids)}
    messages: dict[str, list[Row]] = defaultdict(list)
    for row in _ask(client, _MESSAGES, ids):
        messages[row["conversation_id"]].append(_message(row))
    for row in _ask(client, _EVENTS, ids):
        messages[row["conversation_id"]].append(_event(row))
    feedbacks: dict[str, list[Row]] = defaultdict(list)
    for row in _ask(client, _FEEDBACK, ids):
        feedbacks[row["conversation_id"]].append(_feedback(row))
    return [
        _document(row, known.get(row["conversation_id"], {}))
        | {
            # Sorting is stable: at equal times messages keep their order, and come first.
            "messages": sorted(messages[row["conversation_id"]], key=lambda message: message["timestamp"]),
            "feedbacks": feedbacks[row["conversation_id"]],
        }
        for row in rows
    ]


def rows_of(result: Any) -> list[Row]:
    """A clickhouse-connect result as rows keyed by column."""
    return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]


def _ask(client: Any, sql: str, ids: Sequence[str]) -> list[Row]:
    return rows_of(client.query(sql, parameters={"ids": list(ids)}))


def _document(row: Row, known: Row) -> dict[str, Any]:
    address, country, city = (known.get(key) or None for key in ("address", "country", "city"))
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
        "deleted_at": _iso(known.get("deleted_at")) if row["deleted"] else None,
        "metadata": _free(known.get("metadata", "")),
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
        "attachments": files if isinstance(files, list) else [],
        "metadata": free,
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
    except ValueError:  # it was a text
        return text


def _iso(moment: datetime | None) -> str | None:
    """Both kinds of time that arrive, with and without a zone, are UTC."""
    return None if moment is None else moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
