-- resolved of all shards, on a query node: to read only, being filled on the shards.
-- Grain and units: as in ../rollups/resolved.sql. Sharding key: as in conversation_days.sql.
CREATE OR REPLACE TABLE {database}.resolved
ENGINE = Distributed('{cluster}', '{database}', 'resolved', conversation_key);
