-- derived_days of all shards, on a query node: to read only, being filled on the shards.
-- Grain and units: as in ../rollups/derived_days.sql. Sharding key: as in conversation_days.sql.
CREATE OR REPLACE TABLE {database}.derived_days
ENGINE = Distributed('{cluster}', '{database}', 'derived_days', conversation_key);
