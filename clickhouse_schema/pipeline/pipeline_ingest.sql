-- What arrived, and how late, minute by minute, over the last 90 days.
-- Grain: one row per UTC minute of arrival and service. Units: lag in seconds from a span's end to its insert.
-- A span sent twice counts twice.
--
-- Read by: dashboards.
CREATE OR REPLACE VIEW {database}.pipeline_ingest
(
    `minute` DateTime('UTC') COMMENT 'Of arrival',
    `service` LowCardinality(String) COMMENT 'service.name',
    `spans` UInt64 COMMENT 'Received, repetitions included',
    `counted_spans` UInt64 COMMENT 'Those of them that metrics may count',
    `lags` Array(Float32) COMMENT 'The two figures that follow, in one',
    `lag_p50_s` Float32 COMMENT 'Median from the end of a span to its insert',
    `lag_p95_s` Float32 COMMENT '95th percentile'
) AS
SELECT
    minute,
    service,
    sum(minutes.spans) AS spans,
    sum(minutes.counted_spans) AS counted_spans,
    quantilesTDigestMerge(0.5, 0.95)(lag) AS lags,
    lags[1] AS lag_p50_s,
    lags[2] AS lag_p95_s
FROM {database}.ingest_minutes AS minutes
GROUP BY minute, service;
