-- Fills excluded_conversations with the conversations of robots, by way of conversation_changes.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.robots_mv TO {database}.excluded_conversations AS
SELECT conversation_key, 'robot' AS reason
FROM {database}.conversation_changes
WHERE robot;
