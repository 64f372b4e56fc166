-- Fills trace_claims from every insert into otel_traces, by way of conversation_changes.
--
-- WHERE true: ClickHouse 25.8 takes the COMMENT that follows a table's name for an alias.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.trace_claims_mv TO {database}.trace_claims AS
SELECT trace_key, conversation_key, first_claim, today() AS seen_on
FROM {database}.conversation_changes
WHERE true;
