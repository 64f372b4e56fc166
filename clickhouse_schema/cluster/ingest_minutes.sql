-- ingest_minutes of all shards, on a query node: to read only, being filled on the shards.
-- Grain: one row per UTC minute of arrival, service and shard, after merging. Units: as in ../pipeline/ingest_minutes.sql.
CREATE OR REPLACE TABLE {database}.ingest_minutes
ENGINE = Distributed('{cluster}', '{database}', 'ingest_minutes');
