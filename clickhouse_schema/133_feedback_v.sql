-- All feedback, from customers and from the platform, for your own SQL. Reads the raw spans.
-- Grain: one row per feedback. Units: timestamp UTC to the ms.
CREATE OR REPLACE VIEW {database}.feedback_v AS
SELECT
    ConversationId AS conversation_id,
    fromUnixTimestamp64Milli(StartMs, 'UTC') AS timestamp,
    any(SpanAttributes['agentsight.feedback.sentiment']) AS sentiment,
    any(SpanAttributes['agentsight.feedback.source']) AS source,
    any(SpanAttributes['agentsight.feedback.comment']) AS comment,
    any(SpanAttributes['agentsight.metadata']) AS metadata,
    TraceId AS trace_id,
    SpanId AS span_id,
    any(ServiceName) AS service
FROM {database}.otel_traces
WHERE IsCounted AND AgentKind = 'feedback'
GROUP BY conversation_id, timestamp, trace_id, span_id;
