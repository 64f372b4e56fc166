-- excluded_conversations of all shards, on a query node: to read only, being filled on the shards.
-- Grain and units: as in ../rollups/excluded_conversations.sql. Sharding key: as in conversation_days.sql.
CREATE OR REPLACE TABLE {database}.excluded_conversations
ENGINE = Distributed('{cluster}', '{database}', 'excluded_conversations', conversation_key);
