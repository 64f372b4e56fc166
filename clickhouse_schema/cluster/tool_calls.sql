-- tool_calls of all shards, on a query node: to read only, being filled on the shards.
-- Grain and units: as in ../rollups/tool_calls.sql. Sharding key: as in conversation_days.sql.
CREATE OR REPLACE TABLE {database}.tool_calls
ENGINE = Distributed('{cluster}', '{database}', 'tool_calls', conversation_key);
