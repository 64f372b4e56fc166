-- conversations of all shards, on a query node: to read only, being filled on the shards.
-- Grain and units: as in ../rollups/conversations.sql. Sharding key: as in conversation_days.sql.
CREATE OR REPLACE TABLE {database}.conversations
ENGINE = Distributed('{cluster}', '{database}', 'conversations', conversation_key);
