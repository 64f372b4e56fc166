-- Metric 10. Distinct customers of the conversations of the window; one without a customer adds none.
-- Grain: one row. Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_individual_users AS
SELECT
    uniqExactIf(customer_id, customer_id != '') AS users,
    countIf(customer_id != '') AS identified_conversations,
    count() AS conversations
FROM {database}.window_conversations(from={from:DateTime64(3, 'UTC')}, to={to:DateTime64(3, 'UTC')}, service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)});
