-- conversation_days of all shards, on a query node: to read only, being filled on the shards.
-- Grain and units: as in ../rollups/conversation_days.sql.
--
-- The sharding key is sipHash64 of the conversation id, as in otel_traces.sql: from it ClickHouse knows that a
-- conversation is whole on its shard, and has the shards finish what is grouped by conversation.
CREATE OR REPLACE TABLE {database}.conversation_days
ENGINE = Distributed('{cluster}', '{database}', 'conversation_days', conversation_key);
