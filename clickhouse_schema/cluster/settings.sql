-- settings of all shards, on a query node: to read only. Edit it on every shard, alike.
-- Grain: one row per setting and shard.
CREATE OR REPLACE TABLE {database}.settings
ENGINE = Distributed('{cluster}', '{database}', 'settings');
