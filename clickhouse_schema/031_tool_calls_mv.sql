-- Fills tool_calls from every insert into otel_traces.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.tool_calls_mv TO {database}.tool_calls AS
SELECT
    lowerUTF8(trimBoth(ToolName, ' \t\n\r\f\v')) AS tool_key,
    toInt32(intDiv(StartMs - positiveModulo(StartMs, 86400000), 86400000)) AS day,
    sipHash64(ConversationId) AS conversation_key,
    sipHash64(TraceId, SpanId) AS call_key,
    fromUnixTimestamp64Milli(StartMs, 'UTC') AS started_at,
    ToolName AS tool,
    DurationNs AS duration_ns,
    IsError AS is_error
FROM {database}.otel_traces
WHERE IsCounted AND IsToolCall;
