-- deployments of all shards, on a query node: to read only, being filled on the shards.
-- Grain: one row per service, environment, version and shard, after merging.
CREATE OR REPLACE TABLE {database}.deployments
ENGINE = Distributed('{cluster}', '{database}', 'deployments');
