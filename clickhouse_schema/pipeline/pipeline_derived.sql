-- How far behind the conversations are that are derived from spans of other SDKs.
-- Grain: one row.
--
-- Read by: dashboards, the page.
CREATE OR REPLACE VIEW {database}.pipeline_derived
(
    `until` DateTime64(3, 'UTC') COMMENT 'Up to when arrivals were looked at',
    `waiting` UInt64 COMMENT 'Traces that spans arrived for since',
    `lag_s` Float64 COMMENT 'Age of the oldest of them in seconds; 0 where none waits'
) AS
SELECT
    fromUnixTimestamp64Milli(toInt64((SELECT max(version) FROM {database}.derived_conversations WHERE conversation_key = 0)), 'UTC') AS until,
    uniqExact(trace_key) AS waiting,
    greatest(0, if(waiting = 0, 0, dateDiff('millisecond', min(touched_at), now64(3, 'UTC')) / 1000)) AS lag_s
FROM {database}.touched_traces
WHERE touched_at > until;
