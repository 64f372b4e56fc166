-- conversation_traces of all shards, on a query node: to read only, being filled on the shards.
-- Grain and units: as in ../rollups/conversation_traces.sql. Sharding key: as in conversation_days.sql.
CREATE OR REPLACE TABLE {database}.conversation_traces
ENGINE = Distributed('{cluster}', '{database}', 'conversation_traces', conversation_key);
