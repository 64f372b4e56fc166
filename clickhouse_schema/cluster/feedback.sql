-- feedback of all shards, on a query node: to read only, being filled on the shards.
-- Grain and units: as in ../rollups/feedback.sql. Sharding key: as in conversation_days.sql.
CREATE OR REPLACE TABLE {database}.feedback
ENGINE = Distributed('{cluster}', '{database}', 'feedback', conversation_key);
