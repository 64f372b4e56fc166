-- Fills resolved with what resolved_mv missed of the last hours: conversations of inserts that took more than a minute, or
-- of a clock that was set back. Every minute looks at a sixtieth of the conversations, so that each is looked at once an hour.
--
-- WHERE true: ClickHouse 25.8 takes the COMMENT that follows a subquery for an alias.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.resolved_again_mv REFRESH EVERY 1 MINUTE APPEND TO {database}.resolved AS
SELECT {resolved_columns}, toUInt64(toUnixTimestamp64Milli(now64(3))) AS version
FROM ({newly_resolved(SELECT conversation_key FROM {database}.touched WHERE touched_at >= now() - INTERVAL 3 HOUR AND conversation_key % 60 = toMinute(now('UTC')))})
WHERE true;
