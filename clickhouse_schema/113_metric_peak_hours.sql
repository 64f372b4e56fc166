-- Metric 4. Messages by their time and conversations by their start, in the hours of the week of `timezone`.
-- Grain: one row per day of the week (1 = Monday) and hour (0-23), always 168. Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_peak_hours AS
SELECT day_of_week, hour, messages, conversations
FROM {database}.window_times(from={from:DateTime64(3, 'UTC')}, to={to:DateTime64(3, 'UTC')}, timezone={timezone:String}, service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)})
WHERE metric = 'metric_peak_hours'
ORDER BY day_of_week, hour;
