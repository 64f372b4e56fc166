-- Metric 12. Conversations of the window by language; unknown where it was not given.
-- Grain: one row per language. Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_language AS
SELECT language, count() AS conversations
FROM {database}.window_conversations(from={from:DateTime64(3, 'UTC')}, to={to:DateTime64(3, 'UTC')}, service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)})
GROUP BY language
ORDER BY conversations DESC, language;
