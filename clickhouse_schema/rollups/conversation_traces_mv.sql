-- Fills conversation_traces from every insert into otel_traces, by way of conversation_changes.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.conversation_traces_mv TO {database}.conversation_traces AS
SELECT conversation_key, trace_key, today() AS seen_on
FROM {database}.conversation_changes
WHERE trace_key != {own_trace_key(conversation_id)};
