-- Fills deployments from every insert into otel_traces, by way of span_facts.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.deployments_mv TO {database}.deployments AS
SELECT
    ServiceName AS service,
    if(Environment = '', 'unknown', Environment) AS environment,
    ServiceVersion AS version,
    min(fromUnixTimestamp64Milli(StartMs, 'UTC')) AS first_seen_at,
    max(fromUnixTimestamp64Milli(StartMs, 'UTC')) AS last_seen_at
FROM {database}.span_facts
WHERE ServiceVersion != ''
GROUP BY service, environment, version;
