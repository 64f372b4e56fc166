-- Metric 7. Tool calls that started in [from, to), most used first; unknown where the tool has no name.
-- Grain: one row per tool. Units: seconds. Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_tool_usage AS
SELECT
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
GROUP BY tool
ORDER BY calls DESC, tool
SETTINGS do_not_merge_across_partitions_select_final = 1;
