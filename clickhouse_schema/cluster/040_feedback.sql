-- feedback of all shards, on a query node: to read only, being filled on the shards.
-- Grain and units: as in ../040_feedback.sql. Sharding key: as in 020_conversation_days.sql.
CREATE OR REPLACE TABLE {database}.feedback
ENGINE = Distributed('agentsight', '{database}', 'feedback', conversation_key);
