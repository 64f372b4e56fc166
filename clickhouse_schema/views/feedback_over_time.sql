-- metric_conversation_feedback in steps of `step_s` seconds (counted from 1970, UTC), with the metrics' other
-- parameters. Of several in one conversation the latest in the window counts, in the step in which it was given.
-- Grain: one row per step with feedback. Units: time = start of the step, UTC; positive_rate 0-1, NULL where there is
-- neither positive nor negative feedback.
--
-- Read by: dashboards.
CREATE OR REPLACE VIEW {database}.feedback_over_time AS
SELECT
    toDateTime(intDiv(given_ms, {step_s:UInt32} * 1000) * {step_s:UInt32}, 'UTC') AS time,
    countIf(sentiment = 'positive') AS positive,
    countIf(sentiment = 'neutral') AS neutral,
    countIf(sentiment = 'negative') AS negative,
    if(positive + negative = 0, NULL, positive / (positive + negative)) AS positive_rate
FROM {window_feedback}
GROUP BY time
ORDER BY time
SETTINGS do_not_merge_across_partitions_select_final = 1;
