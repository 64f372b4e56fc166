-- Tool calls with arguments and results, for your own SQL. Reads the raw spans: it reaches as far back as they do.
-- Grain: one row per tool call. Units: timestamp UTC to the ms, duration in seconds.
CREATE OR REPLACE VIEW {database}.tool_calls_v AS
SELECT
    ConversationId AS conversation_id,
    fromUnixTimestamp64Milli(StartMs, 'UTC') AS timestamp,
    any(ToolName) AS tool,
    any(DurationNs) / 1e9 AS duration_s,
    any(toUInt8(IsError)) AS error,
    any(SpanAttributes['error.type']) AS error_type,
    any(SpanAttributes['gen_ai.tool.call.id']) AS call_id,
    any(SpanAttributes['gen_ai.tool.call.arguments']) AS arguments,
    any(SpanAttributes['gen_ai.tool.call.result']) AS result,
    TraceId AS trace_id,
    SpanId AS span_id,
    any(ServiceName) AS service
FROM {database}.otel_traces
WHERE IsCounted AND IsToolCall
GROUP BY conversation_id, timestamp, trace_id, span_id;
