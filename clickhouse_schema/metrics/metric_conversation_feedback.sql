-- Metric 14. Feedback given in [from, to); of several in one conversation the latest in the window counts.
-- Grain: one row. Units: rate 0-1, NULL where there is neither positive nor negative feedback.
--
-- Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_conversation_feedback AS
SELECT
    countIf(sentiment = 'positive') AS positive,
    countIf(sentiment = 'neutral') AS neutral,
    countIf(sentiment = 'negative') AS negative,
    count() AS total,
    if(positive + negative = 0, NULL, positive / (positive + negative)) AS positive_rate
FROM {window_feedback}
SETTINGS do_not_merge_across_partitions_select_final = 1;
