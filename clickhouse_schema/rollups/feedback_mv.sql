-- Fills feedback from every insert into otel_traces, by way of span_facts.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.feedback_mv TO {database}.feedback AS
SELECT
    {place_of_span},
    fromUnixTimestamp64Milli(StartMs, 'UTC') AS given_at,
    TraceId AS trace_id,
    SpanId AS span_id,
    Sentiment AS sentiment
FROM {database}.span_facts
WHERE Sentiment != '';
