-- erasures of all shards, on a query node: to read only, being written by erase on each shard.
-- Grain and units: as in ../tables/erasures.sql. Sharding key: none; nothing is inserted here.
CREATE OR REPLACE TABLE {database}.erasures
ENGINE = Distributed('{cluster}', '{database}', 'erasures');
