-- no_customers of all shards, on a query node: to read only. Edit it on every shard, alike.
-- Grain: one row per value and shard.
CREATE OR REPLACE TABLE {database}.no_customers
ENGINE = Distributed('{cluster}', '{database}', 'no_customers');
