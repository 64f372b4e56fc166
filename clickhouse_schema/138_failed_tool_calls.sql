-- The latest 200 tool calls of a window that failed, with arguments and results, with the metrics' parameters.
-- Which they are is read from tool_calls; then only their conversations' spans are.
-- Grain: one row per failed tool call; columns as in tool_calls_v. Read by: dashboards.
CREATE OR REPLACE VIEW {database}.failed_tool_calls AS
SELECT *
FROM {database}.tool_calls_v
WHERE error = 1
    AND timestamp >= {from:DateTime64(3, 'UTC')}
    AND timestamp < {to:DateTime64(3, 'UTC')}
    AND conversation_id IN (
        SELECT conversation_id
        FROM {database}.conversation_days
        WHERE day >= intDiv(toUnixTimestamp64Milli({from:DateTime64(3, 'UTC')}), 86400000) - 1
            AND day <= intDiv(toUnixTimestamp64Milli({to:DateTime64(3, 'UTC')}), 86400000)
            AND conversation_key IN (
                SELECT conversation_key
                FROM {database}.tool_calls
                WHERE is_error
                    AND day >= intDiv(toUnixTimestamp64Milli({from:DateTime64(3, 'UTC')}), 86400000) - 1
                    AND day <= intDiv(toUnixTimestamp64Milli({to:DateTime64(3, 'UTC')}), 86400000)
                    AND started_at >= {from:DateTime64(3, 'UTC')}
                    AND started_at < {to:DateTime64(3, 'UTC')}
                    AND (empty(arrayConcat({service:Array(String)}, {environment:Array(String)}, {device:Array(String)}, {source:Array(String)}, {language:Array(String)}, {country:Array(String)}))
                        OR conversation_key IN (SELECT conversation_key FROM {database}.matching_conversations(service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)})))
                ORDER BY started_at DESC
                LIMIT 200))
ORDER BY timestamp DESC, trace_id, span_id
LIMIT 200;
