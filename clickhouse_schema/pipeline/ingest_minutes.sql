-- What arrived, and how late: for watching the pipeline, not for metrics.
-- Grain: one row per UTC minute of arrival and service, after merging; before it, one per insert. It counts what was
-- received, so a span sent twice counts twice here.
-- Units: lag in seconds, from the end of a span to its insert; 0 where clocks disagree.
--
-- Written by: ingest_minutes_mv. Read by: pipeline_ingest.
CREATE TABLE IF NOT EXISTS {database}.ingest_minutes
(
    `minute` DateTime('UTC') COMMENT 'Of arrival, UTC' CODEC(Delta(4), ZSTD(1)),
    `service` LowCardinality(String) COMMENT 'Name (service.name)' CODEC(ZSTD(1)),
    `spans` SimpleAggregateFunction(sum, UInt64) COMMENT 'Received' CODEC(T64, ZSTD(1)),
    `counted_spans` SimpleAggregateFunction(sum, UInt64) COMMENT 'Those of them that metrics may count: of a conversation, and with ids' CODEC(T64, ZSTD(1)),
    `lag` AggregateFunction(quantilesTDigest(0.5, 0.95), Float32) COMMENT 'State of quantiles 0.5 and 0.95: seconds from the end of a span to its insert' CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (minute, service)
TTL minute + INTERVAL 90 DAY
SETTINGS ttl_only_drop_parts = 1;
