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
        arrayFilter((wait, answer) -> wait <= 86400000 AND {comparable_in_window(answer)}, waits, answers) AS waits_in_window,
        arrayCount((wait, run) -> wait > 86400000 AND {comparable_in_window(run)}, waits, runs) AS unanswered_in_window
    FROM {message_runs}
)
SETTINGS do_not_merge_across_partitions_select_final = 1;
