-- Tool calls with arguments and results, for your own SQL. Reads the raw spans: it reaches as far back as they do.
-- Grain: one row per tool call. Units: timestamp UTC to the ms, duration in seconds.
CREATE OR REPLACE VIEW {database}.tool_calls_v
(
    `conversation_id` String COMMENT 'The conversation',
    `timestamp` DateTime64(3, 'UTC') COMMENT 'Start of the call',
    `tool` String COMMENT 'As sent; unknown where there is none',
    `duration_s` Float64 COMMENT 'Of the call',
    `error` UInt8 COMMENT 'Whether it failed',
    `error_type` String COMMENT 'error.type, or empty',
    `call_id` String COMMENT 'gen_ai.tool.call.id',
    `arguments` String COMMENT 'As sent, mostly JSON',
    `result` String COMMENT 'As sent',
    `trace_id` String COMMENT 'Trace of its span',
    `span_id` String COMMENT 'Its span',
    `service` String COMMENT 'ServiceName of its span'
) AS
SELECT
    ConversationId AS conversation_id,
    {tool_call_columns}
FROM {database}.otel_traces
PREWHERE sipHash64(ConversationId) NOT IN (SELECT conversation_key FROM {database}.excluded_conversations WHERE reason = 'erased')
WHERE IsCounted AND IsToolCall
GROUP BY conversation_id, timestamp, trace_id, span_id
UNION ALL
SELECT
    owners.conversation_id AS conversation_id,
    {tool_call_columns}
FROM {database}.otel_traces AS spans
INNER JOIN (SELECT trace_key, conversation_id FROM {database}.trace_owners FINAL WHERE NOT ({is_erased})) AS owners ON sipHash64(TraceId) = owners.trace_key
WHERE ConversationId = '' AND HasSpanId AND NOT IsIgnored AND IsToolCall
GROUP BY conversation_id, timestamp, trace_id, span_id;
