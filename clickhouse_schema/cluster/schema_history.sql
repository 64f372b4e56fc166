-- schema_history of all shards, on a query node: to read only. So programs that ask for the schema's version find it.
-- Grain: one row per entry, version and shard.
CREATE OR REPLACE TABLE {database}.schema_history
ENGINE = Distributed('{cluster}', '{database}', 'schema_history');
