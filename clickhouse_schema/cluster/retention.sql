-- retention of all shards, on a query node: to read only. Set it on every shard, alike.
-- Grain: one row per environment and shard. Sharding key: none; nothing is inserted here.
CREATE OR REPLACE TABLE {database}.retention
ENGINE = Distributed('{cluster}', '{database}', 'retention');
