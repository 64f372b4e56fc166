-- Messages by day, recorded and derived ones. Internal.
-- Grain: one row per day, conversation and table with messages. Units: as in conversation_days. A filter on `day` or conversation_key reaches the tables.
--
-- Read by: resolved_conversations. What resolves messages has each table's own days, which takes less to plan.
CREATE OR REPLACE VIEW {database}.known_messages AS
SELECT day, conversation_key, messages
FROM {database}.conversation_days FINAL
UNION ALL
SELECT day, conversation_key, messages
FROM {database}.derived_days FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;
