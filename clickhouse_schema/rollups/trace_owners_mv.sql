-- Fills trace_owners from every insert into derived_conversations.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.trace_owners_mv TO {database}.trace_owners AS
SELECT arrayJoin(traces) AS trace_key, conversation_key, conversation_id, version
FROM {database}.derived_conversations
WHERE conversation_key != 0;
