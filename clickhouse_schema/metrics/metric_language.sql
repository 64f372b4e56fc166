-- Metric 12. Conversations of the window by language; unknown where it was not given.
-- Grain: one row per language.
--
-- Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_language AS
SELECT language, count() AS conversations
FROM {window_conversations(1)}
GROUP BY language
ORDER BY conversations DESC, language
SETTINGS do_not_merge_across_partitions_select_final = 1;
