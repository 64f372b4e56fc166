"""What belongs to customers and conversations, for exports and erasure alike."""

OF_CUSTOMERS = (
    "SELECT DISTINCT conversation_id FROM conversations_v WHERE customer_id IN {customers:Array(String)}",
    "SELECT DISTINCT ConversationId FROM otel_traces WHERE CustomerId IN {customers:Array(String)}"
    " AND ConversationId != ''",
    "SELECT DISTINCT conversation_id FROM trace_owners FINAL WHERE trace_key IN (SELECT sipHash64(TraceId)"
    " FROM otel_traces WHERE CustomerId IN {customers:Array(String)} AND ConversationId = '')",
)
"""Queries of the ids of customers' conversations: a conversation that ever named one belongs to that customer."""

OWNER = "argMin(ConversationId, (NOT IsCounted, Timestamp, -toInt64(DurationNs), ConversationId))"
"""The conversation of the spans of a trace that name none: that of its earliest span with one."""

_TRACES = (
    "SELECT TraceId FROM otel_traces WHERE TraceId != '' AND ConversationId != '' AND TraceId IN"
    " (SELECT TraceId FROM otel_traces WHERE ConversationId IN {ids:Array(String)})"
    f" GROUP BY TraceId HAVING has({{ids:Array(String)}}, {OWNER})"
)

SPANS = f"(ConversationId IN {{ids:Array(String)}} OR (ConversationId = '' AND TraceId IN ({_TRACES})))"
"""A condition for the spans of conversations, those in their traces that name none included."""

SPANS_OUTSIDE = (
    "(ConversationId = '' AND CustomerId IN {customers:Array(String)}"
    " AND sipHash64(TraceId) NOT IN (SELECT trace_key FROM trace_owners))"
)
"""A condition for the spans of customers outside any conversation."""
