-- model_prices of all shards, on a query node: to read only. Edit it on every shard, alike.
-- Grain: one row per model pattern, first day of validity and shard.
CREATE OR REPLACE TABLE {database}.model_prices
ENGINE = Distributed('{cluster}', '{database}', 'model_prices');
