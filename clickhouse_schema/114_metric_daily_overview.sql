-- Metric 5. Messages by their time and conversations by their start.
-- Grain: one row per calendar day in `timezone` that [from, to) touches, from 1970 to 2149 (the range
-- of Date). Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_daily_overview AS
SELECT day, messages, conversations
FROM {database}.window_times(from={from:DateTime64(3, 'UTC')}, to={to:DateTime64(3, 'UTC')}, timezone={timezone:String}, service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)})
WHERE metric = 'metric_daily_overview'
ORDER BY day;
