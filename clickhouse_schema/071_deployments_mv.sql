-- Fills deployments from every insert into otel_traces.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.deployments_mv TO {database}.deployments AS
SELECT
    ServiceName AS service,
    if(Environment = '', 'unknown', Environment) AS environment,
    ResourceAttributes['service.version'] AS version,
    min(fromUnixTimestamp64Milli(StartMs, 'UTC')) AS first_seen_at,
    max(fromUnixTimestamp64Milli(StartMs, 'UTC')) AS last_seen_at
FROM {database}.otel_traces
WHERE ResourceAttributes['service.version'] != ''
GROUP BY service, environment, version;
