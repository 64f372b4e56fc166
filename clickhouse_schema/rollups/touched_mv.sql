-- Fills touched from every insert into otel_traces, by way of conversation_changes.
--
-- WHERE true: ClickHouse 25.8 takes the COMMENT that follows a table's name for an alias.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.touched_mv TO {database}.touched AS
SELECT nowInBlock('UTC') AS touched_at, conversation_key, trace_key
FROM {database}.conversation_changes
WHERE true;
