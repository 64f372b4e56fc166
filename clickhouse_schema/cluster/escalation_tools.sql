-- escalation_tools of all shards, on a query node: to read only. Edit it on every shard, alike.
-- Grain: one row per tool and shard.
CREATE OR REPLACE TABLE {database}.escalation_tools
ENGINE = Distributed('{cluster}', '{database}', 'escalation_tools');
