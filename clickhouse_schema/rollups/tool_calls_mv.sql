-- Fills tool_calls from every insert into otel_traces, by way of span_facts.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.tool_calls_mv TO {database}.tool_calls AS
SELECT
    {tool_key(ToolName)} AS tool_key,
    {place_of_span},
    sipHash64(TraceId, SpanId) AS call_key,
    fromUnixTimestamp64Milli(StartMs, 'UTC') AS started_at,
    ToolName AS tool,
    DurationNs AS duration_ns,
    ToolFailed AS is_error
FROM {database}.span_facts
WHERE IsToolCall;
