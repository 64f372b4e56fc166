-- Fills resolved whenever a row of resolution_due says that conversations were touched, up to a minute ago: keeps what changed of them.
--
-- ClickHouse takes a tenth of a second to plan newly_resolved, and does so only where a row comes. The row that says until
-- when resolved knows what was touched comes last, so that it is not there before the others.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.resolved_mv TO {database}.resolved AS
SELECT newly.*
FROM {database}.resolution_due
CROSS JOIN {database}.newly_resolved AS newly
ORDER BY newly.day, newly.conversation_key;
