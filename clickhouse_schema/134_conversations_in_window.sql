-- The conversations behind the metrics of a window, with the metrics' parameters: those that started in [from, to)
-- and match the filters. The columns of conversations_v, and how each went. (`timezone` is not needed; it may be given.)
-- Grain: one row per conversation. Units: times UTC to the ms, duration in seconds; NULL where there is none.
-- feedback: the latest sentiment that the customer gave, at any time; '' where there is none.
-- Read by: dashboards, the page.
CREATE OR REPLACE VIEW {database}.conversations_in_window AS
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
    length(conversation.messages) AS messages,
    arrayCount(message -> NOT bitTest(message, 36), conversation.messages) AS user_messages,
    arrayCount(message -> bitTest(message, 36), conversation.messages) AS agent_messages,
    duration_ms / 1000 AS duration_s,
    conversation_key,
    conversation_key IN (SELECT conversation_key FROM {database}.escalated_conversations) AS escalated,
    ifNull(latest.sentiment, '') AS feedback
FROM {database}.window_conversations(from={from:DateTime64(3, 'UTC')}, to={to:DateTime64(3, 'UTC')}, service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)}) AS conversation
LEFT JOIN
(
    SELECT conversation_key, argMax(sentiment, (given_at, trace_id, span_id)) AS sentiment
    FROM {database}.feedback
    GROUP BY conversation_key
) AS latest USING (conversation_key);
