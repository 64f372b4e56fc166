-- Metric 8. Conversations of the window by country (ISO 3166-1 alpha-2); unknown where it is not known.
-- Grain: one row per country.
--
-- Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_world_map AS
SELECT country, count() AS conversations
FROM {window_conversations(1)}
GROUP BY country
ORDER BY conversations DESC, country
SETTINGS do_not_merge_across_partitions_select_final = 1;
