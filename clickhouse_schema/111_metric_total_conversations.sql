-- Metric 2. Conversations of the window: engaged, and started in [from, to).
-- Grain: one row. Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_total_conversations AS
SELECT count() AS conversations
FROM {database}.window_conversations(from={from:DateTime64(3, 'UTC')}, to={to:DateTime64(3, 'UTC')}, service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)});
