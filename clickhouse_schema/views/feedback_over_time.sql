-- metric_conversation_feedback in steps of `step_s` seconds (counted from 1970, UTC), with the metrics' other
-- parameters. Of several in one conversation the latest in the window counts, in the step in which it was given.
-- Grain: one row per step with feedback. Units: time = start of the step, UTC; positive_rate 0-1, NULL where there is
-- neither positive nor negative feedback.
--
-- Read by: dashboards.
CREATE OR REPLACE VIEW {database}.feedback_over_time AS
SELECT
    toDateTime(intDiv(toUnixTimestamp64Milli(given.1), {step_s:UInt32} * 1000) * {step_s:UInt32}, 'UTC') AS time,
    countIf(latest = 'positive') AS positive,
    countIf(latest = 'neutral') AS neutral,
    countIf(latest = 'negative') AS negative,
    if(positive + negative = 0, NULL, positive / (positive + negative)) AS positive_rate
FROM
(
    SELECT
        argMax(sentiment, (given_at, trace_id, span_id)) AS latest,
        max((given_at, trace_id, span_id)) AS given
    FROM {window_feedback}
    GROUP BY conversation_key
)
GROUP BY time
ORDER BY time;
