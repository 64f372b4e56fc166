-- Fills touched from every insert into derived_conversations.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.touched_by_derivation_mv TO {database}.touched AS
SELECT nowInBlock('UTC') AS touched_at, conversation_key, 0 AS trace_key
FROM {database}.derived_conversations
WHERE conversation_key != 0;
