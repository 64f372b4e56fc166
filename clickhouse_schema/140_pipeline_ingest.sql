-- What arrived, and how late, minute by minute, over the last 90 days.
-- Grain: one row per UTC minute of arrival and service. Units: lag in seconds from a span's end to its insert.
-- A span sent twice counts twice. Read by: dashboards.
CREATE OR REPLACE VIEW {database}.pipeline_ingest AS
SELECT
    minute,
    service,
    sum(ingest_minutes.spans) AS spans,
    sum(ingest_minutes.counted_spans) AS counted_spans,
    quantilesTDigestMerge(0.5, 0.95)(lag) AS lags,
    lags[1] AS lag_p50_s,
    lags[2] AS lag_p95_s
FROM {database}.ingest_minutes
GROUP BY minute, service;
