-- touched of all shards, on a query node: to read only, being filled on the shards.
-- Grain and units: as in ../rollups/touched.sql. Sharding key: as in conversation_days.sql.
CREATE OR REPLACE TABLE {database}.touched
ENGINE = Distributed('{cluster}', '{database}', 'touched', conversation_key);
