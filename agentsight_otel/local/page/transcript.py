"""SQL for one conversation: its transcript in parts, within limits of rows and bytes, and its spans."""

from datetime import datetime, timedelta
from typing import Any

from agentsight_otel.clickhouse import schema
from agentsight_otel.local.page.short_texts import short, short_columns

MAX_ITEMS = 2_000
"""The most items of each kind in a part of a transcript."""

MAX_PART_BYTES = 2_000_000
"""The most bytes of texts of each kind in a part of a transcript."""

MAX_TEXT = 100_000
"""The most characters of one text; a longer one is cut here, but not in an export."""

# What ClickHouse returns as the minimum of no times.
_NONE_FOLLOWS = datetime(1970, 1, 1)

_OF_CONVERSATION = ("name", "customer_id", "service", "environment", "device", "source", "language", "country")

CONVERSATION_SQL = f"""
SELECT * REPLACE ({short_columns(_OF_CONVERSATION)}) FROM (
    SELECT conversation_id, name, customer_id, service, environment, device, source, language, country,
        first_seen_at, started_at, ended_at, duration_s, user_messages, agent_messages
    FROM resolved_conversations WHERE conversation_key = sipHash64({{id:String}}) AND conversation_id = {{id:String}})
"""


def _part(read: str, texts: tuple[str, ...], order: str, *, labels: tuple[str, ...] = ()) -> str:
    """SQL for as many rows of a query as the limits allow, with the time of the first row that is left out.

    Args:
        read: The query, with a column ``timestamp``, of rows from the part's beginning on.
        texts: Its columns with texts that may be long.
        order: The order of its rows; by time first.
        labels: Its columns with texts that are short unless somebody means harm.
    """
    cut = ", ".join(
        f"if(lengthUTF8({name}) > {MAX_TEXT}, concat(substringUTF8({name}, 1, {MAX_TEXT}), '…'), {name}) AS {name}"
        for name in texts
    ) + "".join(f", {short(name)} AS {name}" for name in labels)
    size = " + ".join(f"length({name})" for name in (*texts, *labels))
    return f"""
SELECT * FROM (
    SELECT *, place <= {MAX_ITEMS} AND (place = 1 OR bytes <= {MAX_PART_BYTES}) AS is_kept,
        minIf(timestamp, NOT (place <= {MAX_ITEMS} AND (place = 1 OR bytes <= {MAX_PART_BYTES}))) OVER () AS following
    FROM (
        SELECT *, row_number() OVER (ORDER BY {order}) AS place, count() OVER () AS total,
            sum({size}) OVER (ORDER BY {order} ROWS UNBOUNDED PRECEDING) AS bytes
        FROM (SELECT * REPLACE ({cut}) FROM ({read}))
    )
) WHERE is_kept ORDER BY {order}
"""


MESSAGES_SQL = _part(
    """SELECT timestamp, sender, content, metadata, span_id, event_index FROM messages_v
    WHERE conversation_id = {id:String} AND timestamp >= {since:DateTime64(3, 'UTC')}""",
    ("content", "metadata"),
    "timestamp, sender = 'agent', event_index",
    labels=("sender",),
)

TRANSCRIPT_SQL = """
SELECT conversation_id, timestamp, sender, content FROM messages_v WHERE conversation_id = {id:String}
ORDER BY timestamp, sender = 'agent', event_index
"""
"""SQL for all messages, for an export."""

TOOLS_SQL = _part(
    """SELECT timestamp, tool, duration_s, error, error_type, arguments, result, span_id FROM tool_calls_v
    WHERE conversation_id = {id:String} AND timestamp >= {since:DateTime64(3, 'UTC')}""",
    ("tool", "arguments", "result", "error_type"),
    "timestamp, span_id",
)

FEEDBACK_SQL = _part(
    """SELECT timestamp, sentiment, source, comment FROM feedback_v
    WHERE conversation_id = {id:String} AND timestamp >= {since:DateTime64(3, 'UTC')}""",
    ("comment",),
    "timestamp, comment",
    labels=("sentiment", "source"),
)

# Spans that name no conversation belong to that of their trace; foreign_spans has a key by trace, and their ids.
_TRACES = """SELECT trace_id FROM foreign_spans WHERE trace_key IN (
        SELECT arrayJoin(traces) FROM derived_conversations FINAL WHERE conversation_key = sipHash64({id:String}))"""


def _spans(columns: str, condition: str = "true") -> str:
    """SQL for the conversation's spans: those that name it, and those that only their trace says to be its.

    Args:
        columns: What is selected of each span, in SQL; may use the schema's macros.
        condition: A condition for spans.
    """
    read = f"SELECT TraceId, SpanId, {columns} FROM otel_traces"
    return schema.expand(
        f"""{read} WHERE ConversationId = {{id:String}} AND IsCounted AND {condition}
        UNION ALL
        {read} WHERE ConversationId = '' AND HasSpanId AND NOT IsIgnored AND TraceId IN ({_TRACES}) AND {condition}"""
    )


OTHERS_SQL = _part(
    f"""SELECT
    fromUnixTimestamp64Milli(start, 'UTC') AS timestamp,
    SpanId AS span_id,
    any(kind_of_span) AS kind,
    any(name) AS span_name,
    any(duration_ns) / 1e9 AS duration_s,
    any(reason) AS incomplete_reason,
    any(label) AS button_label,
    any(file_list) AS files,
    any(sender) AS attachment_sender
    FROM ({
        _spans(
            "StartMs AS start, AgentKind AS kind_of_span, SpanName AS name, DurationNs AS duration_ns,"
            " {attribute('agentsight.turn.incomplete_reason')} AS reason,"
            " {attribute('agentsight.button.label')} AS label,"
            " {attribute('agentsight.attachment.files')} AS file_list,"
            " {attribute('agentsight.attachment.sender')} AS sender",
            "AgentKind IN ('turn', 'task', 'button', 'attachment', 'conversation')"
            " AND StartMs >= toUnixTimestamp64Milli({since:DateTime64(3, 'UTC')})",
        )
    })
    GROUP BY timestamp, TraceId, SpanId""",
    ("span_name", "incomplete_reason", "button_label", "files"),
    "timestamp, span_id",
    labels=("attachment_sender",),
)

_REPORTS = "FROM counted_model_calls WHERE conversation_key = sipHash64({id:String})"

CALLS_SQL = _part(
    f"""SELECT fromUnixTimestamp64Milli(call.2, 'UTC') AS timestamp, spans.span_id AS span_id,
        spans.span_name AS span_name, call.4 / 1e9 AS duration_s, call.8 AS error, call.7 AS model,
        call.9 AS input_tokens, call.11 AS output_tokens
    FROM (
        SELECT call FROM (SELECT groupArray({schema.expand("{model_call_report}")}) AS reports {_REPORTS})
        ARRAY JOIN {schema.expand("{once_each(reports)}")} AS call) AS calls
    LEFT JOIN (
        SELECT sipHash64(TraceId, SpanId) AS call_key, any(SpanId) AS span_id, any(name) AS span_name
        FROM ({_spans("SpanName AS name")}) GROUP BY call_key) AS spans ON calls.call.1 = spans.call_key
    WHERE call.2 >= toUnixTimestamp64Milli({{since:DateTime64(3, 'UTC')}})""",
    ("span_name", "model"),
    "timestamp, span_id",
)
"""SQL for the model calls, each once, whatever SDK reported it."""

MAX_SPANS = 500
"""The most spans in the waterfall; the page says where there are more."""

SPANS_SQL = f"""
SELECT span_id, parent_id, trace_id, start_ms, duration_ms, name, service, error, status_message,
    if(is_call, 'llm', spans.kind) AS kind, model, input_tokens, output_tokens,
    count() OVER () AS total
FROM (
    SELECT sipHash64(TraceId, SpanId) AS call_key, any(SpanId) AS span_id, any(parent) AS parent_id,
        any(TraceId) AS trace_id, toUnixTimestamp64Nano(any(at)) / 1e6 AS start_ms,
        any(duration_ns) / 1e6 AS duration_ms,
        any({short("span_name")}) AS name, any({short("service_name")}) AS service, any(failed) AS error,
        any({short("message")}) AS status_message,
        any({short("kind_of_span")}) AS kind
    FROM ({
    _spans(
        "ParentSpanId AS parent, Timestamp AS at, DurationNs AS duration_ns, SpanName AS span_name,"
        " ServiceName AS service_name, if(IsToolCall, ToolFailed, HasFailed) AS failed, StatusMessage AS message,"
        " multiIf(IsToolCall, 'tool', AgentKind != '', AgentKind,"
        " transform({span_role}, ['model', 'agent', 'chain'], ['llm', 'agent', 'chain'], '')) AS kind_of_span"
    )
})
    GROUP BY call_key) AS spans
LEFT JOIN (
    SELECT call_key, true AS is_call, any({short("model")}) AS model, any(input_tokens) AS input_tokens,
        any(output_tokens) AS output_tokens
    {_REPORTS} GROUP BY call_key) AS calls USING call_key
ORDER BY start_ms, span_id LIMIT {MAX_SPANS}
"""
"""SQL for the spans, for the waterfall."""


def part_of(items: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], datetime | None]:
    """A part of a transcript, from the items that were read of each kind.

    Args:
        items: Items of all kinds, in order; each has the time of the first item of its kind that was left out.

    Returns:
        The items before the first one that was left out, and the time of that; None where all were read.
    """
    ends = [each["following"] for each in items if each["following"] > _NONE_FOLLOWS]
    for item in items:
        for name in ("following", "place", "bytes", "is_kept"):
            del item[name]
    if not ends:
        return items, None
    kept = [each for each in items if each["timestamp"] < min(ends)]
    if kept:
        return kept, min(ends)
    # A single time has more items than a part may have: the others of that time are left out.
    return items, min(ends) + timedelta(milliseconds=1)
