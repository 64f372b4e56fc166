"""SQL of the conversation list and of one conversation."""

from typing import Any

from agentsight_otel.local.page.asked import PAGE_SIZE, ListAsked
from agentsight_otel.metrics import Window, query_parameters, view_call

COLUMNS = (
    "conversation_id", "name", "customer_id", "service", "environment", "device", "source", "language", "country",
    "first_seen_at", "started_at", "ended_at", "messages", "duration_s",
)  # fmt: skip
"""Of the list, in the order of the exports."""

TEXT_COLUMNS = COLUMNS[:9]
"""Those of them that hold what a sender wrote."""

MAX_MESSAGES = 2_000
"""Of a transcript; it says so when there are more."""

_PREVIEW_LENGTH = 200
_FROM = "toDateTime64({window_from:String}, 3, 'UTC')"
_TO = "toDateTime64({window_to:String}, 3, 'UTC')"
_ORDERS = {
    "newest": "first_seen_at DESC, conversation_id",
    "oldest": "first_seen_at, conversation_id",
    "longest": "duration_s DESC NULLS LAST, conversation_id",
    "messages": "messages DESC, conversation_id",
}
_MATCHING = view_call("matching_conversations", ())
_STARTED = view_call("window_conversations", ("from", "to"))
_WITH_MESSAGES = view_call("window_messages", ("from", "to"))
_ESCALATED = "conversation_key IN (SELECT conversation_key FROM escalated_conversations)"


def selection(window: Window, asked: ListAsked) -> tuple[str, dict[str, Any]]:
    """The conversations asked for, as a subquery in parentheses with ``COLUMNS``, and its parameters."""
    conditions: list[str] = []
    parameters = query_parameters(window)
    base = _MATCHING
    if asked.tool or asked.errors:
        conditions.append(
            f"conversation_key IN (SELECT conversation_key FROM tool_calls WHERE started_at >= {_FROM}"
            f" AND started_at < {_TO}"
            + (" AND tool = {tool:String}" if asked.tool else "")
            + (" AND is_error" if asked.errors else "")
            + ")"
        )
        parameters["tool"] = asked.tool
    if asked.sentiment:
        conditions.append(
            "conversation_key IN (SELECT conversation_key FROM (SELECT conversation_key,"
            " argMax(sentiment, (given_at, trace_id, span_id)) AS latest FROM feedback"
            f" WHERE given_at >= {_FROM} AND given_at < {_TO} GROUP BY conversation_key)"
            " WHERE latest = {sentiment:String})"
        )
        parameters["sentiment"] = asked.sentiment
    if asked.about == "messages":
        conditions.append(_with_messages(asked))
    elif asked.about == "visits":
        conditions.append(
            "conversation_key IN (SELECT conversation_key FROM conversation_days WHERE"
            f" opened_at >= {_FROM} AND opened_at < {_TO} OR started_at >= {_FROM} AND started_at < {_TO})"
            f" AND first_seen_at >= {_FROM} AND first_seen_at < {_TO}"
        )
    elif not conditions or asked.about != "started" or asked.weekday:
        base = _STARTED
        if asked.weekday:
            conditions.append(_in_hour("started_at"))
    if asked.about == "escalated":
        conditions.append(_ESCALATED)
    elif asked.about == "identified":
        conditions.append("customer_id != ''")
    elif asked.about == "timed":
        conditions.append("duration_ms IS NOT NULL")
    if asked.weekday:
        parameters |= {"weekday": asked.weekday, "hour": asked.hour}
    if asked.search:
        # A text in a message is looked for in the raw spans, the rest in the conversations themselves.
        conditions.append(
            "(positionCaseInsensitiveUTF8(concat(conversation_id, '\\n', customer_id, '\\n', name), {search:String})"
            " > 0"
            " OR conversation_id IN (SELECT ConversationId FROM otel_traces WHERE arrayExists(attributes ->"
            " positionCaseInsensitiveUTF8(attributes['agentsight.message.content'], {search:String}) > 0,"
            " Events.Attributes)))"
        )
        parameters["search"] = asked.search
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    columns = ", ".join(
        {"messages": "length(resolved.messages) AS messages", "duration_s": "duration_ms / 1000 AS duration_s"}.get(
            name, name
        )
        for name in COLUMNS
    )
    return f"(SELECT {columns}, conversation_key FROM {base} AS resolved{where})", parameters


def _with_messages(asked: ListAsked) -> str:
    if not asked.weekday:
        return f"conversation_key IN (SELECT conversation_key FROM {_WITH_MESSAGES} WHERE notEmpty(messages))"
    at = "fromUnixTimestamp64Milli(toInt64(day) * 86400000 + toInt64(bitShiftRight(message, 37)), 'UTC')"
    return (
        f"conversation_key IN (SELECT conversation_key FROM (SELECT conversation_key, {at} AS at"
        f" FROM {_WITH_MESSAGES} ARRAY JOIN messages AS message) WHERE {_in_hour('at')})"
    )


def _in_hour(column: str) -> str:
    local = f"toTimeZone({column}, {{window_timezone:String}})"
    return f"toDayOfWeek({local}) = {{weekday:UInt8}} AND toHour({local}) = {{hour:UInt8}}"


def page_sql(selected: str, asked: ListAsked) -> str:
    """One page of the list."""
    return f"SELECT * FROM {selected} ORDER BY {_ORDERS[asked.order]} LIMIT {PAGE_SIZE} OFFSET {asked.page * PAGE_SIZE}"


def export_sql(selected: str, asked: ListAsked) -> str:
    """The whole list, for an export."""
    return f"SELECT {', '.join(COLUMNS)} FROM {selected} ORDER BY {_ORDERS[asked.order]}"


DETAILS_SQL = f"""
SELECT conversation_id, preview, calls, errors, sentiment,
    sipHash64(conversation_id) IN (SELECT conversation_key FROM escalated_conversations) AS is_escalated
FROM (SELECT arrayJoin({{ids:Array(String)}}) AS conversation_id) AS wanted
LEFT JOIN (
    SELECT conversation_id, substringUTF8(argMin(content, timestamp), 1, {_PREVIEW_LENGTH}) AS preview
    FROM messages_v WHERE conversation_id IN {{ids:Array(String)}} AND sender = 'end_user' GROUP BY conversation_id
) AS first_messages USING conversation_id
LEFT JOIN (
    SELECT conversation_id, count() AS calls, countIf(error) AS errors
    FROM tool_calls_v WHERE conversation_id IN {{ids:Array(String)}} GROUP BY conversation_id
) AS tools USING conversation_id
LEFT JOIN (
    SELECT conversation_id, argMax(sentiment, timestamp) AS sentiment
    FROM feedback_v WHERE conversation_id IN {{ids:Array(String)}} AND source IN ('', 'customer')
    GROUP BY conversation_id
) AS feedbacks USING conversation_id
"""
"""What a page of the list shows beside each conversation; each part reads by the primary key."""

CONVERSATION_SQL = """
SELECT conversation_id, name, customer_id, service, environment, device, source, language, country,
    first_seen_at, started_at, ended_at, duration_ms / 1000 AS duration_s,
    arrayCount(message -> NOT bitTest(message, 36), messages) AS user_messages,
    arrayCount(message -> bitTest(message, 36), messages) AS agent_messages
FROM resolved_conversations WHERE conversation_key = sipHash64({id:String}) AND conversation_id = {id:String}
"""

MESSAGES_SQL = f"""
SELECT timestamp, sender, content, metadata, span_id, count() OVER () AS total
FROM messages_v WHERE conversation_id = {{id:String}} ORDER BY timestamp, sender = 'agent', event_index
LIMIT {MAX_MESSAGES}
"""

TRANSCRIPT_SQL = """
SELECT conversation_id, timestamp, sender, content FROM messages_v WHERE conversation_id = {id:String}
ORDER BY timestamp, sender = 'agent', event_index
"""
"""The messages, for an export."""

TOOLS_SQL = f"""
SELECT timestamp, tool, duration_s, error, error_type, arguments, result, span_id
FROM tool_calls_v WHERE conversation_id = {{id:String}} ORDER BY timestamp LIMIT {MAX_MESSAGES}
"""

FEEDBACK_SQL = f"""
SELECT timestamp, sentiment, source, comment FROM feedback_v WHERE conversation_id = {{id:String}}
ORDER BY timestamp LIMIT {MAX_MESSAGES}
"""

OTHERS_SQL = f"""
SELECT
    fromUnixTimestamp64Milli(StartMs, 'UTC') AS timestamp,
    any(multiIf(AgentKind != '', AgentKind, SpanAttributes['gen_ai.operation.name'] = 'chat', 'llm', '')) AS kind,
    any(SpanName) AS span_name,
    any(DurationNs) / 1e9 AS duration_s,
    any(IsError) AS error,
    any(SpanAttributes['gen_ai.agent.name']) AS agent,
    any(SpanAttributes['agentsight.turn.incomplete_reason']) AS incomplete_reason,
    any(SpanAttributes['gen_ai.request.model']) AS model,
    any(SpanAttributes['gen_ai.usage.input_tokens']) AS input_tokens,
    any(SpanAttributes['gen_ai.usage.output_tokens']) AS output_tokens,
    any(SpanAttributes['agentsight.button.label']) AS button_label,
    any(SpanAttributes['agentsight.attachment.files']) AS files,
    any(SpanAttributes['agentsight.attachment.sender']) AS attachment_sender
FROM otel_traces
WHERE ConversationId = {{id:String}} AND IsCounted AND NOT IsToolCall
    AND (AgentKind IN ('turn', 'task', 'llm', 'button', 'attachment', 'conversation')
        OR SpanAttributes['gen_ai.operation.name'] = 'chat')
GROUP BY timestamp, TraceId, SpanId ORDER BY timestamp LIMIT {MAX_MESSAGES}
"""

REVISION_SQL = """
SELECT sum(rows) FROM system.parts WHERE database = currentDatabase() AND table = 'otel_traces' AND active
"""
"""A number that changes when spans arrive: cheap enough to ask every other second."""
