-- Conversations with their values resolved over their whole life. Internal: conversations_v is the one to query.
-- Grain: one row per conversation. A filter on conversation_key reaches the table before the rows are grouped.
-- Units: times and durations in ms, NULL where there is none; unknown where a dimension was never given; '' where
-- there is no customer or no name.
-- Read by: matching_conversations, window_conversations, conversations_v, agentsight_otel.reader.
CREATE OR REPLACE VIEW {database}.resolved_conversations AS
WITH
    stamp -> if(stamp = unhex('FF'), 'unknown', substring(stamp, 9)) AS or_unknown,
    stamp -> substring(stamp, 9) AS or_empty
SELECT
    conversation_key,
    toString(min(days.conversation_id)) AS conversation_id,
    or_unknown(min(first_service)) AS service,
    or_unknown(min(first_environment)) AS environment,
    or_unknown(min(first_device)) AS device,
    or_unknown(min(first_source)) AS source,
    or_unknown(min(first_language)) AS language,
    or_unknown(min(first_country)) AS country,
    or_empty(max(last_customer)) AS customer_id,
    or_empty(max(last_name)) AS name,
    or_empty(max(last_marked)) = 'true' AS marked,
    or_empty(max(last_deleted)) = 'true' AS deleted,
    min(days.opened_at) AS opened_at,
    min(days.started_at) AS started_at,
    least(ifNull(opened_at, started_at), ifNull(started_at, opened_at)) AS first_seen_at,
    max(days.explicit_end_at) AS explicit_end_at,
    max(days.last_activity_at) AS last_activity_at,
    greatest(ifNull(explicit_end_at, last_activity_at), ifNull(last_activity_at, explicit_end_at)) AS ended_at,
    max(last_message) > 0 AS has_messages,
    -- Two messages or more: they differ within a day, or lie on two days.
    min(first_message) < max(last_message) OR minIf(day, last_message > 0) < maxIf(day, last_message > 0) AS has_two_messages,
    if(explicit_end_at IS NOT NULL OR has_two_messages,
        toUnixTimestamp64Milli(ended_at) - toUnixTimestamp64Milli(started_at), NULL) AS duration_ms,
    groupUniqArrayArray(days.messages) AS messages
FROM {database}.conversation_days AS days
GROUP BY conversation_key;
