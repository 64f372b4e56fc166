-- Fills ingest_minutes from every insert into otel_traces.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.ingest_minutes_mv TO {database}.ingest_minutes AS
SELECT
    toStartOfMinute(now('UTC')) AS minute,
    ServiceName AS service,
    count() AS spans,
    countIf(IsCounted) AS counted_spans,
    quantilesTDigestState(0.5, 0.95)(toFloat32(greatest(0, toUnixTimestamp64Milli(now64(3, 'UTC')) - EndMs) / 1000)) AS lag
FROM {database}.otel_traces
GROUP BY minute, service;
