-- Metric 3. From the first of a run of consecutive user messages to the agent's next message, where that lies in
-- [from, to). Where two user messages lie more than 24 h apart, another run begins. A run answered after more than 24 h,
-- or never, is unanswered, and counts where it began.
-- Grain: one row. Units: seconds; NULL where there is no response.
--
-- Read by: dashboards, the command line.
--
-- Clocks differ: an agent's message that an end user's message recorded by another service follows within 1 s is taken
-- to have come with it, right after it: nobody reads an answer and writes the next message within a second.
CREATE OR REPLACE VIEW {database}.metric_agent_response_time AS
SELECT
    if(responses = 0, NULL, sum(arraySum(waits_in_window)) / responses / 1000) AS average_s,
    if(responses = 0, NULL, (quantilesExactInclusiveArray(0.5, 0.95)(waits_in_window) AS percentiles)[1] / 1000) AS p50_s,
    if(responses = 0, NULL, percentiles[2] / 1000) AS p95_s,
    sum(length(waits_in_window)) AS responses,
    sum(unanswered_in_window) AS unanswered
FROM
(
    SELECT
        if({is_whole_day}, waits, arrayFilter((wait, answer_ms) -> {ms_in_window({ms_of_day(day, answer_ms)})}, waits, answers)) AS waits_in_window,
        if({is_whole_day}, length(unanswered), arrayCount(run_ms -> {ms_in_window({ms_of_day(day, run_ms)})}, unanswered)) AS unanswered_in_window
    FROM {database}.known_responses
    WHERE {day_in_window} AND NOT excluded AND {matches_filters}
)
SETTINGS do_not_merge_across_partitions_select_final = 1;
