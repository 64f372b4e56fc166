-- Messages with their text, for transcripts and your own SQL. Reads the raw spans: it reaches as far back as they do.
-- Grain: one row per message. Units: timestamp UTC to the ms. A filter on conversation_id uses the primary key.
CREATE OR REPLACE VIEW {database}.messages_v AS
SELECT
    conversation_id,
    fromUnixTimestamp64Milli(intDiv(toUnixTimestamp64Nano(at) - positiveModulo(toUnixTimestamp64Nano(at), 1000000), 1000000), 'UTC') AS timestamp,
    attributes['agentsight.message.sender'] AS sender,
    attributes['agentsight.message.content'] AS content,
    attributes['agentsight.message.metadata'] AS metadata,
    trace_id,
    span_id,
    event_index,
    service
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
    GROUP BY conversation_id, trace_id, span_id
)
ARRAY JOIN
    events.1 AS at,
    events.2 AS name,
    events.3 AS attributes,
    arrayEnumerate(events.1) AS event_index
WHERE name = 'agentsight.message' AND sender IN ('end_user', 'agent');
