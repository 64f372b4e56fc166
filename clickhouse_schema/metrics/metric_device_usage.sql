-- Metric 9. Conversations of the window by device; unknown where it was not given.
-- Grain: one row per device.
--
-- Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_device_usage AS
SELECT device, count() AS conversations
FROM {window_conversations(1)}
GROUP BY device
ORDER BY conversations DESC, device
SETTINGS do_not_merge_across_partitions_select_final = 1;
