-- Conversations with their values resolved over their whole life. Internal: conversations_v is the one to query.
-- Grain: one row per conversation. A filter on conversation_key reaches the tables before the rows are grouped.
-- Units: times and durations in ms, NULL where there is none; unknown where a dimension was never given; '' where
-- there is no customer or no name.
--
-- Read by: conversations_v, conversations_in_window, agentsight_otel.reader.
CREATE OR REPLACE VIEW {database}.resolved_conversations AS
WITH concat(unhex('FFFFFFFFFFFFFFFF'), 'unknown') AS stamp_of_none
SELECT
    conversation_key,
    max(toString(stored.conversation_id)) AS conversation_id,
    {stamped_value(min(first_service))} AS service,
    {stamped_value(min(first_environment))} AS environment,
    {stamped_value(min(first_device))} AS device,
    {stamped_value(min(first_source))} AS source,
    {stamped_value(min(first_language))} AS language,
    {stamped_value(min(first_country))} AS country,
    {stamped_value(max(last_customer))} AS last_customer_id,
    if({is_no_customer(last_customer_id)}, '', last_customer_id) AS customer_id,
    {stamped_value(max(last_name))} AS name,
    {stamped_value(max(last_marked))} = 'true' AS marked,
    {stamped_value(max(last_deleted))} = 'true' AS deleted,
    toUInt8(max(stored.robot)) AS robot,
    min(stored.opened_at) AS opened_at,
    min(stored.started_at) AS started_at,
    least(ifNull(opened_at, started_at), ifNull(started_at, opened_at)) AS first_seen_at,
    max(stored.explicit_end_at) AS explicit_end_at,
    max(stored.last_activity_at) AS last_activity_at,
    greatest(ifNull(explicit_end_at, last_activity_at), ifNull(last_activity_at, explicit_end_at)) AS ended_at,
    if(explicit_end_at IS NOT NULL OR min(first_message) < max(last_message),
        toUnixTimestamp64Milli(ended_at) - toUnixTimestamp64Milli(started_at), NULL) AS duration_ms,
    duration_ms / 1000 AS duration_s,
    explicit_end_at IS NOT NULL AS explicitly_ended,
    groupUniqArrayArray(stored.tools) AS tools,
    sum(stored.messages) AS messages,
    sum(stored.user_messages) AS user_messages,
    toUInt64(messages - user_messages) AS agent_messages,
    max(stored.messages_derived) AS messages_derived
FROM
(
    SELECT
        conversation_key, conversation_id, first_service, first_environment, first_device, first_source, first_language,
        first_country, last_customer, last_name, last_marked, last_deleted, robot, opened_at, started_at,
        explicit_end_at, last_activity_at, first_message, last_message, tools, messages_derived,
        0 AS messages, 0 AS user_messages
    FROM {conversation_rows(1)}
    UNION ALL
    SELECT
        conversation_key, '', stamp_of_none, stamp_of_none, stamp_of_none, stamp_of_none, stamp_of_none,
        stamp_of_none, '', '', '', '', 0, NULL, NULL,
        NULL, NULL, 18446744073709551615, 0, [], 0,
        length(messages), arrayCount(message -> {sent_by_user(message)}, messages)
    FROM {database}.known_messages
) AS stored
WHERE NOT {is_erased}
GROUP BY conversation_key
HAVING conversation_id != '';
