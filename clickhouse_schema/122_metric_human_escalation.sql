-- Metric 13. Conversations of the window with a call, failed or not, of a tool listed in escalation_tools.
-- Grain: one row. Units: rate 0-1, NULL where there is no conversation. Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_human_escalation AS
SELECT
    countIf(conversation_key IN (SELECT conversation_key FROM {database}.escalated_conversations)) AS escalated,
    count() AS conversations,
    if(conversations = 0, NULL, escalated / conversations) AS rate
FROM {database}.window_conversations(from={from:DateTime64(3, 'UTC')}, to={to:DateTime64(3, 'UTC')}, service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)});
