-- Fills derived_conversations with up to when everything was looked at, where there was nothing to derive.
--
-- Where there is, derived_conversations_mv says so itself, together with what it derived. Nothing is written while nothing
-- arrives.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.derived_until_mv REFRESH EVERY 10 SECOND APPEND TO {database}.derived_conversations AS
WITH
    {derived_until_ms} AS derived_until_ms,
    {settings_changed} AS settings_changed
SELECT 0 AS conversation_key, toUInt64(toUnixTimestamp64Milli(now64(3, 'UTC'))) AS version
FROM numbers(1)
WHERE (
        derived_until_ms = 0
        OR notEmpty((SELECT groupArray(1)(1) FROM {database}.touched_traces WHERE touched_at > fromUnixTimestamp64Milli(toInt64(derived_until_ms) - 120000, 'UTC')))
        OR notEmpty((SELECT groupArray(1)(1) FROM {database}.touched WHERE touched_at >= {derived_before}))
    )
    AND empty((SELECT groupArray(1)(conversation_key) FROM ({changed_conversations})));
