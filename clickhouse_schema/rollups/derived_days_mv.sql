-- Fills derived_days from every insert into derived_conversations.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.derived_days_mv TO {database}.derived_days AS
SELECT
    row.1 AS day,
    conversation_key,
    version,
    row.2 AS is_deleted,
    row.3 AS messages
FROM
(
    SELECT
        conversation_key,
        version,
        arrayMap(m -> (toInt32({day_of_ms(m.1)}), {packed_message(m.1, m.2, messages_service, m.3)}), messages) AS dated,
        arrayJoin(arrayConcat(
            arrayMap(d -> (d, toUInt8(0), arrayMap(m -> m.2, arrayFilter(m -> m.1 = d, dated))), arrayDistinct(arrayMap(m -> m.1, dated))),
            arrayMap(d -> (d, toUInt8(1), CAST([], 'Array(UInt64)')), gone_days))) AS row
    FROM {database}.derived_conversations
    WHERE conversation_key != 0
);
