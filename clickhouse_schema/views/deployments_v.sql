-- The versions of each service, by their resource attribute service.version.
-- Grain: one row per service, environment and version. Units: times UTC to the ms. A version that returns after another
-- (a rollback) keeps its first time.
--
-- Read by: dashboards.
CREATE OR REPLACE VIEW {database}.deployments_v
(
    `service` LowCardinality(String) COMMENT 'service.name',
    `environment` LowCardinality(String) COMMENT 'unknown where none is given',
    `version` String COMMENT 'service.version',
    `first_seen_at` DateTime64(3, 'UTC') COMMENT 'Start of its first span',
    `last_seen_at` DateTime64(3, 'UTC') COMMENT 'Start of its last span'
) AS
SELECT
    service,
    environment,
    version,
    CAST(min(versions.first_seen_at), 'DateTime64(3, \'UTC\')') AS first_seen_at,
    CAST(max(versions.last_seen_at), 'DateTime64(3, \'UTC\')') AS last_seen_at
FROM {database}.deployments AS versions
GROUP BY service, environment, version;
