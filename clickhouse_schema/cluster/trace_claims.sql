-- trace_claims of all shards, on a query node: to read only, being filled on the shards.
-- Grain and units: as in ../rollups/trace_claims.sql. Sharding key: as in conversation_days.sql.
CREATE OR REPLACE TABLE {database}.trace_claims
ENGINE = Distributed('{cluster}', '{database}', 'trace_claims', conversation_key);
