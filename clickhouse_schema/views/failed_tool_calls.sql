-- The latest 200 tool calls of a window that failed, with arguments and results, with the metrics' parameters.
-- Which they are is read from tool_calls; then only their conversations' spans are.
-- Grain: one row per failed tool call; columns as in tool_calls_v.
--
-- Read by: dashboards.
CREATE OR REPLACE VIEW {database}.failed_tool_calls AS
SELECT *
FROM {database}.tool_calls_v
WHERE error = 1
    AND {in_window(timestamp)}
    AND conversation_id IN (
        SELECT conversation_id
        FROM {database}.conversations
        WHERE conversation_key IN (
            SELECT conversation_key
            FROM {database}.counted_tool_calls
            WHERE is_error
                AND {day_in_window}
                AND {in_window(started_at)}
                AND {counts_in_days({first_day}, {last_day})}
            ORDER BY started_at DESC
            LIMIT 200))
ORDER BY timestamp DESC, trace_id, span_id
LIMIT 200;
