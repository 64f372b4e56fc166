-- The versions of each service that sent spans (resource attribute service.version), for marking deployments.
-- Grain: one row per service, environment and version, after merging.
-- Units: first_seen_at and last_seen_at = start of the first and of the last span, UTC, ms.
--
-- Written by: deployments_mv. Read by: deployments_v.
CREATE TABLE IF NOT EXISTS {database}.deployments
(
    `service` LowCardinality(String) COMMENT 'Its name (service.name)' CODEC(ZSTD(1)),
    `environment` LowCardinality(String) COMMENT 'unknown where none is given' CODEC(ZSTD(1)),
    `version` String COMMENT 'service.version of the resource' CODEC(ZSTD(1)),
    `first_seen_at` SimpleAggregateFunction(min, DateTime64(3, 'UTC')) COMMENT 'Start of its first span' CODEC(ZSTD(1)),
    `last_seen_at` SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'Start of its last span' CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
ORDER BY (service, environment, version);
