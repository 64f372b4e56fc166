-- Metric 11. Conversations of the window by source; unknown where it was not given.
-- Grain: one row per source. Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_source AS
SELECT source, count() AS conversations
FROM {database}.window_conversations(from={from:DateTime64(3, 'UTC')}, to={to:DateTime64(3, 'UTC')}, service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)})
GROUP BY source
ORDER BY conversations DESC, source;
