-- derived_conversations of all shards, on a query node: to read only, being filled on the shards.
-- Grain and units: as in ../rollups/derived_conversations.sql. Sharding key: as in conversation_days.sql.
CREATE OR REPLACE TABLE {database}.derived_conversations
ENGINE = Distributed('{cluster}', '{database}', 'derived_conversations', conversation_key);
