-- Fills resolution_due: asks every ten seconds whether there are conversations to resolve.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.resolution_due_mv REFRESH EVERY 10 SECOND APPEND TO {database}.resolution_due AS
SELECT now64(3, 'UTC') AS due_at
FROM numbers(1)
WHERE {resolved_until} = 0 OR notEmpty((SELECT groupArray(1)(conversation_key) FROM ({settled_keys})));
