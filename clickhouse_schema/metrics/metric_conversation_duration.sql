-- Metric 6. From start to end, over the conversations of the window; one without explicit end and with fewer than two
-- messages has no duration and is not counted.
-- Grain: one row. Units: seconds; NULL where there is no duration.
--
-- Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_conversation_duration AS
SELECT
    avg(value) / 1000 AS average_s,
    quantileExactInclusiveOrNull(0.5)(value) / 1000 AS p50_s,
    quantileExactInclusiveOrNull(0.95)(value) / 1000 AS p95_s,
    count(value) AS conversations
FROM {window_conversations(duration_ms)}
SETTINGS do_not_merge_across_partitions_select_final = 1;
