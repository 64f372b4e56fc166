-- Metric 7. Tool calls that started in [from, to), most used first; unknown where the tool has no name.
-- Grain: one row per tool. Units: seconds.
--
-- Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_tool_usage AS
SELECT
    tool,
    count() AS calls,
    countIf(is_error) AS errors,
    avg(toFloat64(duration_ns)) / 1e9 AS average_s,
    quantileExactInclusive(0.95)(duration_ns) / 1e9 AS p95_s
FROM {database}.counted_tool_calls
WHERE {day_in_window}
    AND {in_window(started_at)}
    AND {counts_in_days({first_day}, {last_day})}
GROUP BY tool
ORDER BY calls DESC, tool
SETTINGS do_not_merge_across_partitions_select_final = 1;
