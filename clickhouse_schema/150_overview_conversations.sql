-- Metrics 2, 6, 10 and 13 from one reading of the window's conversations. Internal: the page's overview.
-- Grain: one row. Each column is called as a metric view and holds the values of that view's row, in its order.
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
        avg(duration_ms) / 1000 AS average_s,
        quantileExactInclusiveOrNull(0.5)(duration_ms) / 1000 AS p50_s,
        quantileExactInclusiveOrNull(0.95)(duration_ms) / 1000 AS p95_s,
        count(duration_ms) AS timed,
        uniqExactIf(customer_id, customer_id != '') AS users,
        countIf(customer_id != '') AS identified,
        countIf(conversation_key IN (SELECT conversation_key FROM {database}.escalated_conversations)) AS escalated
    FROM {database}.window_conversations(from={from:DateTime64(3, 'UTC')}, to={to:DateTime64(3, 'UTC')}, service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)})
);
