-- model_calls of all shards, on a query node: to read only, being filled on the shards.
-- Grain and units: as in ../rollups/model_calls.sql. Sharding key: as in conversation_days.sql.
CREATE OR REPLACE TABLE {database}.model_calls
ENGINE = Distributed('{cluster}', '{database}', 'model_calls', conversation_key);
