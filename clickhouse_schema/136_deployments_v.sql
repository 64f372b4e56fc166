-- The versions of each service, by their resource attribute service.version.
-- Grain: one row per service, environment and version. Units: times UTC to the ms. A version that returns after another
-- (a rollback) keeps its first time. Read by: dashboards.
CREATE OR REPLACE VIEW {database}.deployments_v AS
SELECT
    service,
    environment,
    version,
    CAST(min(deployments.first_seen_at), 'DateTime64(3, \'UTC\')') AS first_seen_at,
    CAST(max(deployments.last_seen_at), 'DateTime64(3, \'UTC\')') AS last_seen_at
FROM {database}.deployments
GROUP BY service, environment, version;
