-- metric_tool_usage in steps of `step_s` seconds (counted from 1970, UTC), with the metrics' other parameters.
-- Grain: one row per step and tool with calls. Units: seconds; time = start of the step, UTC.
--
-- Read by: dashboards.
CREATE OR REPLACE VIEW {database}.tool_usage_over_time AS
SELECT
    toDateTime(intDiv(toUnixTimestamp64Milli(started_at), {step_s:UInt32} * 1000) * {step_s:UInt32}, 'UTC') AS time,
    tool,
    count() AS calls,
    countIf(is_error) AS errors,
    avg(toFloat64(duration_ns)) / 1e9 AS average_s,
    quantileExactInclusive(0.95)(duration_ns) / 1e9 AS p95_s
FROM {database}.counted_tool_calls
WHERE {day_in_window}
    AND {in_window(started_at)}
    AND {counts_in_days({first_day}, {last_day})}
GROUP BY time, tool
ORDER BY time, tool
SETTINGS do_not_merge_across_partitions_select_final = 1;
