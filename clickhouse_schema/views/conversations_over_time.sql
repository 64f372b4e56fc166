-- metric_total_conversations, metric_individual_users, metric_human_escalation and metric_conversation_duration in steps
-- of `step_s` seconds (counted from 1970, UTC), with the metrics' other parameters. A conversation counts in the step in
-- which it started; a customer in each step of theirs, so that steps do not add up to the metric.
-- Grain: one row per step with conversations. Units: seconds; time = start of the step, UTC; rate 0-1.
--
-- Read by: dashboards.
CREATE OR REPLACE VIEW {database}.conversations_over_time AS
SELECT
    toDateTime(intDiv(assumeNotNull(toUnixTimestamp64Milli(started_at)), {step_s:UInt32} * 1000) * {step_s:UInt32}, 'UTC') AS time,
    count() AS conversations,
    uniqExactIf({counted_customer(value.2)}, {counted_customer(value.2)} != 0) AS users,
    countIf({is_escalated(value.3)}) AS escalated,
    escalated / conversations AS escalation_rate,
    avg(value.1) / 1000 AS duration_s
FROM {window_conversations({all_values})}
GROUP BY time
ORDER BY time;
