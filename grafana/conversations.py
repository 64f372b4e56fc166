"""The dashboards of the list of conversations and of one conversation with its messages."""

from grafana import links
from grafana.board import Dashboard, Section, choice, filters, text_box
from grafana.models import DIMENSIONS
from grafana.overview import FEEDBACK_COLOURS
from grafana.panels import Json, Panel, fields, lines, mapped, override, table, tile, trace_view
from grafana.sql import call, every_step, step, text_of

_LISTED = 500
_NO_CONVERSATION = "no conversation of this id: choose one in AgentSight: Conversations"
_KINDS = {"user": "blue", "agent": "purple", "tool": "orange", "failed tool": "red", "feedback": "green"}
_DIMENSIONS = {
    "service": "Service",
    "environment": "Environment",
    "device": "Device",
    "source": "Source",
    "language": "Language",
    "country": "Country",
}


def _common_columns(click: Json) -> list[Json]:
    return [
        override("started_at", displayName="Started", custom_width=180),
        override("conversation_id", displayName="Conversation", links=[click]),
        override("customer_id", displayName="Customer"),
        override("name", displayName="Name"),
        *(override(name, displayName=label, custom_width=110) for name, label in _DIMENSIONS.items()),
        override("messages", displayName="Messages", unit="locale", custom_width=95),
        override("tool_calls", displayName="Tool calls", unit="locale", custom_width=95),
        override(
            "tool_errors",
            displayName="Tool errors",
            unit="locale",
            custom_width=95,
            thresholds={"mode": "absolute", "steps": [{"value": None, "color": "text"}, {"value": 1, "color": "red"}]},
            custom_cellOptions={"type": "color-text"},
        ),
        override("duration_s", displayName="Duration", unit="s", custom_width=100),
        override(
            "escalated",
            displayName="Escalated",
            custom_width=95,
            mappings=mapped({"yes": "orange", "no": "text"}),
            custom_cellOptions={"type": "color-text"},
        ),
        override(
            "feedback",
            displayName="Feedback",
            custom_width=95,
            mappings=mapped(FEEDBACK_COLOURS),
            custom_cellOptions={"type": "color-text"},
        ),
    ]


SHOWN = {
    "All": "all",
    "With messages": "messages",
    "With an answer": "answered",
    "With an unanswered question": "unanswered",
    "Visits": "visits",
    "Visits that became conversations": "engaged",
    "With a known customer": "identified",
    "With a duration": "timed",
    "Escalated": "escalated",
    "Positive feedback": "positive",
    "Neutral feedback": "neutral",
    "Negative feedback": "negative",
    "With tool calls": "tools",
    "With failed tool calls": "failed_tools",
    "With model calls": "models",
    "With failed model calls": "failed_models",
}
"""The choices of what to show, as the view conversations_behind knows them."""

_CHOSEN = f"""{
    call(
        "conversations_behind",
        show=text_of("show"),
        tool=text_of("tool"),
        by=text_of("by"),
        model=text_of("model"),
    )
}
    WHERE positionCaseInsensitiveUTF8(
        concat(conversation_id, '\\n', customer_id, '\\n', name), {text_of("search")}) > 0"""
_WHICH = (
    "those that started in the time range, or of which what is shown (messages, answers, visits, feedback, calls of"
    " tools and models) lies in it; and that match the filters, the tool, the model and the text searched for (in"
    " conversation id, customer and name)"
)


def _list() -> Panel:
    dimensions = ", ".join(_DIMENSIONS)
    return table(
        "Conversations",
        f"The latest {_LISTED} conversations, of {_WHICH}. A click on the id opens one.",
        f"""WITH listed AS (
    SELECT * FROM {_CHOSEN}
    ORDER BY started_at DESC, conversation_id
    LIMIT {_LISTED}
)
SELECT
    started_at, conversation_id, customer_id, name, {dimensions},
    messages, ifNull(tools.calls, 0) AS tool_calls, ifNull(tools.errors, 0) AS tool_errors, duration_s,
    if(escalated, 'yes', 'no') AS escalated, feedback
FROM listed
LEFT JOIN (
    SELECT conversation_id, count() AS calls, sum(error) AS errors
    FROM tool_calls_v
    WHERE conversation_id IN (SELECT conversation_id FROM listed)
    GROUP BY conversation_id
) AS tools USING (conversation_id)
ORDER BY started_at DESC, conversation_id""",
        "no conversations in this time range that match",
        width=24,
        height=22,
        overrides=_common_columns(links.conversation(listed=True)),
        sort=("Started", True),
    )


def _counts() -> Panel:
    return tile(
        "Found",
        f"Of the conversations listed below ({_WHICH}): how many, how many messages and how long on average, and the"
        " share that was handed to a person.",
        "SELECT count() AS conversations, avg(messages) AS messages_each, avg(duration_s) AS duration_s,\n"
        "    avg(toFloat64(escalated)) AS escalation_rate\n"
        f"FROM {_CHOSEN}",
        fields("locale", "–"),
        compares=False,
        width=8,
        height=5,
    ).with_overrides(
        [
            override("conversations", displayName="Conversations"),
            override("messages_each", displayName="Messages each", unit="short", decimals=1),
            override("duration_s", displayName="Average duration", unit="s", decimals=1),
            override("escalation_rate", displayName="Escalated", unit="percentunit", decimals=1),
        ]
    )


def _over_time() -> Panel:
    return lines(
        "Conversations over time",
        "When the conversations listed below started; those that started before the time range are not drawn.",
        every_step(
            f"SELECT {step('started_at')} AS time, count() AS conversations\n"
            f"FROM {_CHOSEN}\n    AND started_at BETWEEN $__fromTime_ms AND $__toTime_ms\nGROUP BY time",
            "conversations",
        ),
        fields("locale", "no conversations that match started in this time range"),
        width=16,
        height=5,
        interval="1m",
    )


def conversations() -> Dashboard:
    """The dashboard of the list of conversations."""
    return Dashboard(
        uid=links.CONVERSATIONS,
        title="Conversations",
        description="The conversations behind the figures; a click on one opens its transcript and its trace.",
        variables=[
            *filters(),
            choice("show", "Show", SHOWN),
            text_box("tool", "Tool"),
            choice("by", "Model calls by", DIMENSIONS),
            text_box("model", "Which"),
            text_box("search", "Search"),
        ],
        sections=[Section("", [_counts(), _over_time(), _list()])],
    )


_ID = text_of("conversation")


def _facts() -> Panel:
    dimensions = ", ".join(_DIMENSIONS)
    return table(
        "Conversation",
        "What is known of the conversation: its values over its whole life, whatever the time range.",
        f"""SELECT
    started_at, conversation_id, customer_id, name, {dimensions}, messages, duration_s,
    if(explicitly_ended, 'yes', 'no') AS ended
FROM conversations_v
WHERE conversation_key = sipHash64({_ID}) AND conversation_id = {_ID}""",
        _NO_CONVERSATION,
        width=24,
        height=4,
        overrides=[
            *_common_columns(links.back_to_the_list()),
            override("ended", displayName="Explicitly ended", custom_width=120),
        ],
    )


def _transcript() -> Panel:
    return table(
        "Transcript",
        "Messages, tool calls and feedback in the order of their times. After is the time since the line before; took"
        " is how long a tool call ran. A click on the trace shows its spans below.",
        f"""SELECT
    time, what, content,
    if(row_number() OVER everything = 1, NULL,
        (toUnixTimestamp64Milli(time) - toUnixTimestamp64Milli(any(time) OVER before)) / 1000) AS after_s,
    took_s, trace_id
FROM (
    SELECT timestamp AS time, if(sender = 'agent', 'agent', 'user') AS what, content, NULL AS took_s, trace_id,
        if(sender = 'agent', 1, 0) AS rank, span_id, event_index AS position
    FROM messages_v WHERE conversation_id = {_ID}
    UNION ALL
    SELECT timestamp, if(error, 'failed tool', 'tool'),
        concat(tool, '(', arguments, ')', if(result = '', '', concat(' → ', result)),
            if(error_type = '', '', concat(' ✗ ', error_type))),
        duration_s, trace_id, 2, span_id, 0
    FROM tool_calls_v WHERE conversation_id = {_ID}
    UNION ALL
    SELECT timestamp, 'feedback', concat(sentiment, if(comment = '', '', concat(': ', comment))),
        NULL, trace_id, 3, span_id, 0
    FROM feedback_v WHERE conversation_id = {_ID}
)
WINDOW
    everything AS (ORDER BY time, rank, span_id, position),
    before AS (ORDER BY time, rank, span_id, position ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING)
ORDER BY time, rank, span_id, position
LIMIT 2000""",
        "nothing was said in this conversation",
        width=24,
        height=14,
        overrides=[
            override("time", displayName="Time", custom_width=190),
            override(
                "what",
                displayName="",
                custom_width=100,
                mappings=mapped(_KINDS),
                custom_cellOptions={"type": "color-text"},
            ),
            override("content", displayName="Content", custom_cellOptions={"type": "auto", "wrapText": True}),
            override("after_s", displayName="After", unit="s", custom_width=90),
            override("took_s", displayName="Took", unit="s", custom_width=90),
            override("trace_id", displayName="Trace", custom_width=110, links=[links.trace()]),
        ],
    )


def _pairs(attributes: str) -> str:
    """SQL that turns a map of attributes into the format of the trace view."""
    return f"arrayMap(key -> map('key', toString(key), 'value', {attributes}[key]), mapKeys({attributes}))"


def _trace() -> Panel:
    chosen = text_of("trace")
    return trace_view(
        "Trace",
        "The spans of the trace clicked on, else of the conversation's first: turns, tools, model calls and what other"
        " instrumentations add.",
        f"""SELECT
    TraceId AS traceID, SpanId AS spanID, ParentSpanId AS parentSpanID, ServiceName AS serviceName,
    SpanName AS operationName, toUnixTimestamp64Nano(Timestamp) / 1e6 AS startTime, DurationNs / 1e6 AS duration,
    {_pairs("SpanAttributes")} AS tags,
    {_pairs("ResourceAttributes")} AS serviceTags,
    if(IsError, 2, 0) AS statusCode, StatusMessage AS statusMessage, lower(SpanKind) AS kind,
    ScopeName AS instrumentationLibraryName, ScopeVersion AS instrumentationLibraryVersion, TraceState AS traceState,
    arrayMap((name, at, attributes) -> tuple(
        name, toUnixTimestamp64Nano(at) / 1e6,
        arrayConcat([map('key', 'event', 'value', toString(name))], {_pairs("attributes")})
    )::Tuple(name String, timestamp Float64, fields Array(Map(String, String))),
        Events.Name, Events.Timestamp, Events.Attributes) AS logs,
    arrayMap((trace, span, attributes) -> tuple(trace, span, {_pairs("attributes")})
        ::Tuple(traceID String, spanID String, tags Array(Map(String, String))),
        Links.TraceId, Links.SpanId, Links.Attributes) AS references
FROM otel_traces
WHERE TraceId = (
    SELECT if({chosen} != '', {chosen},
        (SELECT argMin(TraceId, (Timestamp, SpanId)) FROM otel_traces WHERE ConversationId = {_ID} AND IsCounted)))
    AND TraceId != ''
ORDER BY Timestamp, SpanId
LIMIT 1 BY SpanId
LIMIT 5000""",
        "no spans: they may be older than the raw retention",
        width=24,
        height=16,
    )


def conversation() -> Dashboard:
    """The dashboard of one conversation."""
    return Dashboard(
        uid=links.CONVERSATION,
        title="Conversation",
        description="One conversation: what is known of it, what was said and done, and its trace.",
        variables=[
            text_box("conversation", "Conversation"),
            text_box("trace", "Trace"),
            *filters(hide=True),
            *(text_box(name, name.capitalize(), hide=True) for name in links.OF_THE_LIST),
        ],
        sections=[Section("", [_facts(), _transcript(), _trace()])],
    )
