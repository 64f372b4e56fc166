-- Metric 5. Messages by their time and conversations by their start.
-- Grain: one row per calendar day in `timezone` that [from, to) touches, from 1970 to 2149 (the range
-- of Date). Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_daily_overview AS
SELECT
    toDate(local_day) AS day,
    sum(hour_messages) AS messages,
    sum(hour_conversations) AS conversations
FROM {database}.window_hours(from={from:DateTime64(3, 'UTC')}, to={to:DateTime64(3, 'UTC')}, timezone={timezone:String}, service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)})
WHERE local_day BETWEEN toDate32('1970-01-01') AND toDate32('2149-06-06')
GROUP BY day
ORDER BY day;
