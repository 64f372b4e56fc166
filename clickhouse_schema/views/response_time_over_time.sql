-- metric_agent_response_time in steps of `step_s` seconds (counted from 1970, UTC), with the metrics' other parameters.
-- A response counts in the step of the agent's message.
-- Grain: one row per step with responses. Units: seconds; time = start of the step, UTC.
--
-- Read by: dashboards.
CREATE OR REPLACE VIEW {database}.response_time_over_time AS
SELECT
    toDateTime(intDiv(answered_ms, {step_s:UInt32} * 1000) * {step_s:UInt32}, 'UTC') AS time,
    avg(wait) / 1000 AS average_s,
    quantileExactInclusive(0.5)(wait) / 1000 AS p50_s,
    quantileExactInclusive(0.95)(wait) / 1000 AS p95_s,
    count() AS responses
FROM
(
    SELECT {ms_of_day(day, answer)} AS answered_ms, wait
    FROM {database}.known_responses
    ARRAY JOIN answers AS answer, waits AS wait
    WHERE {day_in_window} AND NOT excluded AND {matches_filters}
)
WHERE {ms_in_window(answered_ms)}
GROUP BY time
ORDER BY time
SETTINGS do_not_merge_across_partitions_select_final = 1;
