-- All feedback, from customers and from the platform, for your own SQL. Reads the raw spans.
-- Grain: one row per feedback. Units: timestamp UTC to the ms.
CREATE OR REPLACE VIEW {database}.feedback_v
(
    `conversation_id` String COMMENT 'The conversation',
    `timestamp` DateTime64(3, 'UTC') COMMENT 'When it was given',
    `sentiment` String COMMENT 'positive, neutral or negative, or as sent',
    `source` String COMMENT 'customer or platform; empty where not stated',
    `comment` String COMMENT 'Free text',
    `metadata` String COMMENT 'JSON object, or empty',
    `trace_id` String COMMENT 'Trace of its span',
    `span_id` String COMMENT 'Its span',
    `service` String COMMENT 'ServiceName of its span'
) AS
SELECT
    ConversationId AS conversation_id,
    {feedback_columns}
FROM {database}.otel_traces
PREWHERE sipHash64(ConversationId) NOT IN (SELECT conversation_key FROM {database}.excluded_conversations WHERE reason = 'erased')
WHERE IsCounted AND (AgentKind = 'feedback' OR {sentiment_of_span} != '')
GROUP BY conversation_id, timestamp, trace_id, span_id
UNION ALL
SELECT
    owners.conversation_id AS conversation_id,
    {feedback_columns}
FROM {database}.otel_traces AS spans
INNER JOIN (SELECT trace_key, conversation_id FROM {database}.trace_owners FINAL WHERE NOT ({is_erased})) AS owners ON sipHash64(TraceId) = owners.trace_key
WHERE ConversationId = '' AND HasSpanId AND NOT IsIgnored AND (AgentKind = 'feedback' OR {sentiment_of_span} != '')
GROUP BY conversation_id, timestamp, trace_id, span_id;
