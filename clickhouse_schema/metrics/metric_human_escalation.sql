-- Metric 13. Conversations of the window with a call, failed or not, of a tool listed in escalation_tools.
-- Grain: one row. Units: rate 0-1, NULL where there is no conversation.
--
-- Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_human_escalation AS
SELECT
    countIf({is_escalated(value)}) AS escalated,
    count() AS conversations,
    if(conversations = 0, NULL, escalated / conversations) AS rate
FROM {window_conversations(tools)}
SETTINGS do_not_merge_across_partitions_select_final = 1;
