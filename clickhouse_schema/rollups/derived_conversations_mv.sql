-- Fills derived_conversations whenever a row of derivation_due says that there is something to derive.
--
-- ClickHouse takes a second to plan newly_derived, and does so only where a row comes.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.derived_conversations_mv TO {database}.derived_conversations AS
SELECT newly.*
FROM {database}.derivation_due
CROSS JOIN {database}.newly_derived AS newly;
