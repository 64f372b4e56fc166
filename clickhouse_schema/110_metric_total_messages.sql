-- Metric 1. Messages with their own timestamp in [from, to).
-- Grain: one row. Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_total_messages AS
SELECT
    sum(length(message_set)) AS messages,
    sum(arrayCount(message -> NOT bitTest(message, 36), message_set)) AS user_messages,
    sum(arrayCount(message -> bitTest(message, 36), message_set)) AS agent_messages
FROM
(
    SELECT messages AS message_set
    FROM {database}.window_messages(from={from:DateTime64(3, 'UTC')}, to={to:DateTime64(3, 'UTC')}, service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)})
);
