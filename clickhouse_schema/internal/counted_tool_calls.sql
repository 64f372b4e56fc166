-- Tool calls of conversations, also of those whose spans say only by their trace which it is. Internal.
-- Grain: one row per tool call.
--
-- Read by: metric_tool_usage, escalated_conversations, and views like them. A filter on `day` reaches the table.
CREATE OR REPLACE VIEW {database}.counted_tool_calls AS
SELECT tool_key, day, conversation_key, call_key, started_at, tool, duration_ns, is_error
FROM {database}.tool_calls FINAL
WHERE conversation_key != 0
UNION ALL
SELECT calls.tool_key, calls.day, owners.conversation_key, calls.call_key, calls.started_at, calls.tool, calls.duration_ns, calls.is_error
FROM (SELECT * FROM {database}.tool_calls FINAL WHERE conversation_key = 0) AS calls
INNER JOIN (SELECT trace_key, conversation_key FROM {database}.trace_owners FINAL) AS owners USING trace_key;
