-- Metric 10. Distinct customers of the conversations of the window; one without a customer adds none.
-- Grain: one row.
--
-- Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_individual_users AS
SELECT
    uniqExactIf(customer_key, customer_key != 0) AS users,
    countIf(customer_key != 0) AS identified_conversations,
    count() AS conversations
FROM
(
    SELECT {counted_customer(value)} AS customer_key
    FROM {window_conversations(customer_key)}
)
SETTINGS do_not_merge_across_partitions_select_final = 1;
