-- Metrics 2, 6, 10 and 13 from one reading of the window's conversations. Internal: the page's overview.
-- Grain: one row. Each column is called as a metric view and holds the values of that view's row, in its order.
--
-- Read by: the page. It says again what those four metrics are, because a query costs the page more to plan than to
-- answer, and each of the four would read the same conversations. Tests hold it to the metrics' own views.
CREATE OR REPLACE VIEW {database}.overview_conversations AS
SELECT
    tuple(conversations) AS metric_total_conversations,
    (average_s, p50_s, p95_s, timed) AS metric_conversation_duration,
    (users, identified, conversations) AS metric_individual_users,
    (escalated, conversations, if(conversations = 0, NULL, escalated / conversations)) AS metric_human_escalation
FROM
(
    SELECT
        count() AS conversations,
        avg(value.1) / 1000 AS average_s,
        quantileExactInclusiveOrNull(0.5)(value.1) / 1000 AS p50_s,
        quantileExactInclusiveOrNull(0.95)(value.1) / 1000 AS p95_s,
        count(value.1) AS timed,
        uniqExactIf({counted_customer(value.2)}, {counted_customer(value.2)} != 0) AS users,
        countIf({counted_customer(value.2)} != 0) AS identified,
        countIf({is_escalated(value.3)}) AS escalated
    FROM {window_conversations({all_values})}
)
SETTINGS do_not_merge_across_partitions_select_final = 1;
