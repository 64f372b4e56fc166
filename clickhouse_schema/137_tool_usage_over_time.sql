-- metric_tool_usage in steps of `step_s` seconds (counted from 1970, UTC), with the metrics' other parameters.
-- Grain: one row per step and tool with calls. Units: seconds; time = start of the step, UTC. Read by: dashboards.
CREATE OR REPLACE VIEW {database}.tool_usage_over_time AS
SELECT
    toDateTime(intDiv(toUnixTimestamp64Milli(started_at), {step_s:UInt32} * 1000) * {step_s:UInt32}, 'UTC') AS time,
    tool,
    count() AS calls,
    countIf(is_error) AS errors,
    avg(toFloat64(duration_ns)) / 1e9 AS average_s,
    quantileExactInclusive(0.95)(duration_ns) / 1e9 AS p95_s
FROM {database}.tool_calls FINAL
WHERE day >= intDiv(toUnixTimestamp64Milli({from:DateTime64(3, 'UTC')}), 86400000) - 1
    AND day <= intDiv(toUnixTimestamp64Milli({to:DateTime64(3, 'UTC')}), 86400000)
    AND started_at >= {from:DateTime64(3, 'UTC')}
    AND started_at < {to:DateTime64(3, 'UTC')}
    AND (empty(arrayConcat({service:Array(String)}, {environment:Array(String)}, {device:Array(String)}, {source:Array(String)}, {language:Array(String)}, {country:Array(String)}))
        OR conversation_key IN (SELECT conversation_key FROM {database}.matching_conversations(service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)})))
GROUP BY time, tool
ORDER BY time, tool
SETTINGS do_not_merge_across_partitions_select_final = 1;
