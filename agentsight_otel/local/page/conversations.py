"""SQL for the list of conversations."""

from typing import Any

from agentsight_otel.clickhouse import schema
from agentsight_otel.clickhouse.window import Window, query_parameters, view_call
from agentsight_otel.local.page.short_texts import short, short_columns
from agentsight_otel.local.page.url_parameters import PAGE_SIZE, ListRequest

COLUMNS = (
    "conversation_id", "name", "customer_id", "service", "environment", "device", "source", "language", "country",
    "first_seen_at", "started_at", "ended_at", "messages", "duration_s",
)  # fmt: skip
"""The list's columns, in the order of exports."""

TEXT_COLUMNS = COLUMNS[:9]
"""The columns with texts that a sender chose."""

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


def selection(window: Window, wanted: ListRequest) -> tuple[str, dict[str, Any]]:
    """A subquery in parentheses for the wanted conversations, with ``COLUMNS``; and its parameters."""
    conditions: list[str] = []
    parameters = query_parameters(window)
    base = _MATCHING
    if wanted.tool or wanted.errors:
        conditions.append(
            f"conversation_key IN (SELECT conversation_key FROM tool_calls WHERE started_at >= {_FROM}"
            f" AND started_at < {_TO}"
            + (" AND tool = {tool:String}" if wanted.tool else "")
            + (" AND is_error" if wanted.errors else "")
            + ")"
        )
        parameters["tool"] = wanted.tool
    if wanted.sentiment:
        conditions.append(
            "conversation_key IN (SELECT conversation_key FROM (SELECT conversation_key,"
            " argMax(sentiment, (given_at, trace_id, span_id)) AS latest FROM feedback"
            f" WHERE given_at >= {_FROM} AND given_at < {_TO} GROUP BY conversation_key)"
            " WHERE latest = {sentiment:String})"
        )
        parameters["sentiment"] = wanted.sentiment
    if wanted.about == "messages":
        conditions.append(_with_messages(wanted))
    elif wanted.about == "visits":
        conditions.append(
            "conversation_key IN (SELECT conversation_key FROM conversations WHERE"
            f" opened_at >= {_FROM} AND opened_at < {_TO} OR started_at >= {_FROM} AND started_at < {_TO})"
            f" AND first_seen_at >= {_FROM} AND first_seen_at < {_TO}"
        )
    elif not conditions or wanted.about != "started" or wanted.weekday:
        base = _STARTED
        if wanted.weekday:
            conditions.append(_in_hour("started_at"))
    if wanted.about == "escalated":
        conditions.append(_ESCALATED)
    elif wanted.about == "identified":
        conditions.append("customer_id != ''")
    elif wanted.about == "timed":
        conditions.append("duration_ms IS NOT NULL")
    if wanted.weekday:
        parameters |= {"weekday": wanted.weekday, "hour": wanted.hour}
    if wanted.search:
        # A text in a message is looked for in the raw spans, the rest in the conversations themselves.
        conditions.append(
            "(positionCaseInsensitiveUTF8(concat(conversation_id, '\\n', customer_id, '\\n', name), {search:String})"
            " > 0"
            " OR conversation_id IN (SELECT ConversationId FROM otel_traces WHERE arrayExists(attributes ->"
            " positionCaseInsensitiveUTF8(attributes['agentsight.message.content'], {search:String}) > 0,"
            " Events.Attributes)))"
        )
        parameters["search"] = wanted.search
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"(SELECT {', '.join(COLUMNS)}, conversation_key FROM {base}{where})", parameters


def _with_messages(wanted: ListRequest) -> str:
    if not wanted.weekday:
        return f"conversation_key IN (SELECT conversation_key FROM {_WITH_MESSAGES} WHERE notEmpty(messages))"
    at = schema.expand("fromUnixTimestamp64Milli({message_ms(toInt64(day), message)}, 'UTC')")
    return (
        f"conversation_key IN (SELECT conversation_key FROM (SELECT conversation_key, {at} AS at"
        f" FROM {_WITH_MESSAGES} ARRAY JOIN messages AS message) WHERE {_in_hour('at')})"
    )


def _in_hour(column: str) -> str:
    local = f"toTimeZone({column}, {{window_timezone:String}})"
    return f"toDayOfWeek({local}) = {{weekday:UInt8}} AND toHour({local}) = {{hour:UInt8}}"


def page_sql(selected: str, wanted: ListRequest) -> str:
    """SQL for one page of the list."""
    return (
        f"SELECT * REPLACE ({short_columns(TEXT_COLUMNS)}) FROM ("
        f"SELECT * FROM {selected} ORDER BY {_ORDERS[wanted.order]}"
        f" LIMIT {PAGE_SIZE} OFFSET {wanted.page * PAGE_SIZE}) ORDER BY {_ORDERS[wanted.order]}"
    )


def export_sql(selected: str, wanted: ListRequest) -> str:
    """SQL for the whole list, for an export."""
    return f"SELECT {', '.join(COLUMNS)} FROM {selected} ORDER BY {_ORDERS[wanted.order]}"


DETAILS_SQL = f"""
SELECT conversation_id, preview, calls, errors, {short("sentiment")} AS sentiment,
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
"""SQL for the details of the conversations on a page of the list; each part reads by the primary key."""

NO_DETAILS = {"preview": "", "calls": 0, "errors": 0, "sentiment": "", "is_escalated": 0}
"""Instead of the details of a conversation whose id is too long to ask for them."""


def neighbours_sql(selected: str, wanted: ListRequest) -> str:
    """SQL for the ids of the conversations before and after one in a list ('' for none); no row if it is not in it."""
    return (
        f"SELECT {short_columns(('previous', 'next'))}"
        " FROM (SELECT conversation_id, any(conversation_id) OVER before AS previous,"
        f" any(conversation_id) OVER after AS next FROM {selected}"
        f" WINDOW before AS (ORDER BY {_ORDERS[wanted.order]} ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING),"
        f" after AS (ORDER BY {_ORDERS[wanted.order]} ROWS BETWEEN 1 FOLLOWING AND 1 FOLLOWING))"
        " WHERE conversation_id = {shown_id:String}"
    )


LEFT_OUT_SQL = (
    f"SELECT * REPLACE ({short_columns(('value',))}) FROM {view_call('pipeline_left_out', ('from', 'to'))} LIMIT 100"
)
"""What the metrics leave out on purpose, whatever the filters; reads raw spans."""

MODELS_SQL = (
    "SELECT provider, model, calls, errors, input_tokens, cached_input_tokens, output_tokens, average_s, p95_s, cost,"
    f" currency FROM (SELECT * REPLACE ({short_columns(('provider', 'model', 'currency'))})"
    f" FROM {view_call('model_usage')}) ORDER BY calls DESC, provider, model LIMIT 100"
)
"""The models most used, with their tokens and what they cost."""

REVISION_SQL = """
SELECT sum(rows) FROM system.parts WHERE database = currentDatabase() AND table = 'otel_traces' AND active
"""
"""SQL for a number that changes when spans arrive; cheap enough to run every other second."""
