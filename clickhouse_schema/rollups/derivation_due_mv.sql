-- Fills derivation_due: asks every ten seconds whether there are conversations to derive.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.derivation_due_mv REFRESH EVERY 10 SECOND APPEND TO {database}.derivation_due AS
WITH
    {derived_until_ms} AS derived_until_ms,
    {derived_to_ms} AS derived_to_ms
SELECT now64(3, 'UTC') AS due_at
FROM (SELECT conversation_key FROM ({changed_conversations}) LIMIT 1);
