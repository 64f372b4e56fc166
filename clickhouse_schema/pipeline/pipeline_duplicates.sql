-- Spans that were stored more than once (an exporter retried a batch that had arrived). Metrics count each once.
-- Reads the raw spans that started in [from, to): an hour or a day is quick, a year is not.
-- Grain: one row per service with spans.
--
-- Read by: dashboards.
CREATE OR REPLACE VIEW {database}.pipeline_duplicates AS
SELECT
    ServiceName AS service,
    count() AS received,
    uniqExact(TraceId, SpanId) AS spans,
    received - spans AS duplicates
FROM {database}.otel_traces
WHERE {in_window(Timestamp)}
    AND TraceId NOT IN ('', '00000000000000000000000000000000')
    AND SpanId NOT IN ('', '0000000000000000')
GROUP BY service
ORDER BY duplicates DESC, service;
