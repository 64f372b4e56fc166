-- trace_owners of all shards, on a query node: to read only, being filled on the shards.
-- Grain and units: as in ../rollups/trace_owners.sql. Sharding key: as in conversation_days.sql.
CREATE OR REPLACE TABLE {database}.trace_owners
ENGINE = Distributed('{cluster}', '{database}', 'trace_owners', conversation_key);
