-- Metric 1. Messages with their own timestamp in [from, to).
-- Grain: one row.
--
-- Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_total_messages AS
SELECT
    sum(length(message_set)) AS messages,
    sum(arrayCount(message -> {sent_by_user(message)}, message_set)) AS user_messages,
    sum(arrayCount(message -> {sent_by_agent(message)}, message_set)) AS agent_messages
FROM
(
    SELECT messages AS message_set
    FROM {window_messages}
)
SETTINGS do_not_merge_across_partitions_select_final = 1;
