-- Fills feedback from every insert into otel_traces.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.feedback_mv TO {database}.feedback AS
SELECT
    toInt32(intDiv(StartMs - positiveModulo(StartMs, 86400000), 86400000)) AS day,
    sipHash64(ConversationId) AS conversation_key,
    fromUnixTimestamp64Milli(StartMs, 'UTC') AS given_at,
    TraceId AS trace_id,
    SpanId AS span_id,
    SpanAttributes['agentsight.feedback.sentiment'] AS sentiment
FROM {database}.otel_traces
WHERE IsCounted
    AND AgentKind = 'feedback'
    AND sentiment IN ('positive', 'neutral', 'negative')
    AND SpanAttributes['agentsight.feedback.source'] IN ('', 'customer');
