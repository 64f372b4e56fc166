-- How far resolved is behind: what arrived since is resolved by each query itself, which is slower, never wrong.
-- Grain: one row. Units: lag in seconds, 0 where nothing waits; a minute's arrivals are always live.
--
-- Read by: dashboards.
CREATE OR REPLACE VIEW {database}.pipeline_resolved
(
    `resolved_until` DateTime('UTC') COMMENT 'Until when of this server\'s time arrivals are in resolved; 1970 where none are',
    `live_conversations` UInt64 COMMENT 'Conversations that each query resolves itself',
    `lag_s` Int64 COMMENT 'Age of the oldest arrival that is not in resolved'
) AS
SELECT
    toDateTime({resolved_until}, 'UTC') AS resolved_until,
    uniqExact(conversation_key) AS live_conversations,
    toInt64(if(countIf(touched_at > resolved_until) = 0, 0, dateDiff('second', minIf(touched_at, touched_at > resolved_until), now('UTC')))) AS lag_s
FROM {database}.touched
WHERE touched_at >= toDateTime(greatest({resolved_until} - 60, 0), 'UTC');
