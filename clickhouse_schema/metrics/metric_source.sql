-- Metric 11. Conversations of the window by source; unknown where it was not given.
-- Grain: one row per source.
--
-- Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_source AS
SELECT source, count() AS conversations
FROM {window_conversations(1)}
GROUP BY source
ORDER BY conversations DESC, source
SETTINGS do_not_merge_across_partitions_select_final = 1;
