-- Fills touched_traces from every insert into otel_traces, by way of foreign_span_facts.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.touched_traces_mv TO {database}.touched_traces AS
SELECT now64(3, 'UTC') AS touched_at, sipHash64(TraceId) AS trace_key
FROM {database}.foreign_span_facts
GROUP BY trace_key;
