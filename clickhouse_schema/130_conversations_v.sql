-- Conversations, for your own SQL.
-- Grain: one row per conversation. Units: times UTC to the ms, duration in seconds; NULL where there is none.
-- A filter on conversation_key = sipHash64('the id') is quick, one on conversation_id reads all conversations.
-- device, source, language, country and environment are unknown where never given; customer_id and name are ''.
CREATE OR REPLACE VIEW {database}.conversations_v AS
SELECT
    conversation_id,
    service,
    environment,
    device,
    source,
    language,
    country,
    customer_id,
    name,
    marked,
    deleted,
    first_seen_at,
    started_at,
    ended_at,
    explicit_end_at IS NOT NULL AS explicitly_ended,
    length(resolved.messages) AS messages,
    arrayCount(message -> NOT bitTest(message, 36), resolved.messages) AS user_messages,
    arrayCount(message -> bitTest(message, 36), resolved.messages) AS agent_messages,
    duration_ms / 1000 AS duration_s,
    conversation_key
FROM {database}.resolved_conversations AS resolved;
