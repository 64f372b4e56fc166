-- Metric 2. Conversations of the window: engaged, and started in [from, to).
-- Grain: one row.
--
-- Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_total_conversations AS
SELECT count() AS conversations
FROM {window_conversations(1)}
SETTINGS do_not_merge_across_partitions_select_final = 1;
