-- Metric 1. Messages with their own timestamp in [from, to).
-- Grain: one row.
--
-- Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_total_messages AS
SELECT
    sum(length(said)) AS messages,
    sum(arrayCount(message -> {said_by_user(message)}, said)) AS user_messages,
    sum(arrayCount(message -> {said_by_agent(message)}, said)) AS agent_messages
FROM
(
    SELECT messages AS said
    FROM {window_messages}
)
SETTINGS do_not_merge_across_partitions_select_final = 1;
