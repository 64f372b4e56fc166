-- Fills derived_conversations with up to when everything was looked at, where there was nothing to derive.
--
-- Where there is, derived_conversations_mv says so itself, together with what it derived. Nothing is written while nothing
-- arrives.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.derived_until_mv REFRESH EVERY 10 SECOND APPEND TO {database}.derived_conversations AS
WITH
    {derived_until_ms} AS derived_until_ms,
    {derived_to_ms} AS derived_to_ms
SELECT 0 AS conversation_key, toUInt64(derived_to_ms) AS version
FROM numbers(1)
WHERE (
        derived_until_ms = 0
        OR notEmpty((SELECT groupArray(1)(1) FROM {database}.touched_traces WHERE touched_at > {moment(derived_until_ms - 120000)}))
        OR notEmpty((SELECT groupArray(1)(1) FROM {database}.touched WHERE touched_at >= {second(derived_until_ms - 120000)}))
    )
    AND empty((SELECT groupArray(1)(conversation_key) FROM ({changed_conversations})));
