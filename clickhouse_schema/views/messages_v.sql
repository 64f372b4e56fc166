-- Messages with their text, for transcripts and your own SQL. Reads the raw spans: it reaches as far back as they do.
-- Grain: one row per message. Units: timestamp UTC to the ms. A filter on conversation_id uses the primary key.
CREATE OR REPLACE VIEW {database}.messages_v
(
    `conversation_id` String COMMENT 'The conversation',
    `timestamp` DateTime64(3, 'UTC') COMMENT 'When it was sent',
    `sender` String COMMENT 'end_user or agent',
    `content` String COMMENT 'Its text',
    `metadata` String COMMENT 'JSON object, or empty',
    `trace_id` String COMMENT 'Trace of its span',
    `span_id` String COMMENT 'Its span',
    `event_index` UInt32 COMMENT 'Its position among the span\'s events, from 1',
    `service` String COMMENT 'ServiceName of its span',
    `derived` UInt8 COMMENT '1 where it is derived from spans of another SDK, 0 where it was recorded or marked'
) AS
SELECT
    conversation_id,
    fromUnixTimestamp64Milli({instant_ms(at)}, 'UTC') AS timestamp,
    attributes['agentsight.message.sender'] AS sender,
    attributes['agentsight.message.content'] AS content,
    attributes['agentsight.message.metadata'] AS metadata,
    trace_id,
    span_id,
    event_index,
    service,
    0 AS derived
FROM
(
    SELECT
        ConversationId AS conversation_id,
        TraceId AS trace_id,
        SpanId AS span_id,
        any(ServiceName) AS service,
        any((Events.Timestamp, Events.Name, Events.Attributes)) AS events
    FROM {database}.otel_traces
    WHERE IsCounted AND has(Events.Name, 'agentsight.message')
        AND sipHash64(ConversationId) NOT IN (SELECT conversation_key FROM {database}.excluded_conversations WHERE reason = 'erased')
    GROUP BY conversation_id, trace_id, span_id
)
ARRAY JOIN
    events.1 AS at,
    events.2 AS name,
    events.3 AS attributes,
    arrayEnumerate(events.1) AS event_index
WHERE name = 'agentsight.message' AND sender IN ('end_user', 'agent')
UNION ALL
SELECT
    conversation_id,
    fromUnixTimestamp64Milli(message.at_ms, 'UTC') AS timestamp,
    if(message.by_agent, 'agent', 'end_user') AS sender,
    message.content AS content,
    '' AS metadata,
    message.trace_id AS trace_id,
    message.span_ids[1] AS span_id,
    0 AS event_index,
    service,
    derivation = 'derived' AS derived
FROM
(
    SELECT conversation_id, derivation, messages_service AS service, arrayJoin(messages) AS message
    FROM {database}.derived_conversations FINAL
    WHERE conversation_key != 0 AND NOT ({is_erased})
);
