-- Metric 8. Conversations of the window by country (ISO 3166-1 alpha-2); unknown where it is not known.
-- Grain: one row per country. Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_world_map AS
SELECT country, count() AS conversations
FROM {database}.window_conversations(from={from:DateTime64(3, 'UTC')}, to={to:DateTime64(3, 'UTC')}, service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)})
GROUP BY country
ORDER BY conversations DESC, country;
