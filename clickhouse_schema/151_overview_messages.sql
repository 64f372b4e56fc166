-- Metrics 1, 4 and 5 from one reading of the window's messages. Internal: the page's overview.
-- Grain: the rows of metric_total_messages, metric_peak_hours and metric_daily_overview, each view's in its order, with the
-- columns of all three and `metric`, the view that the row is of.
CREATE OR REPLACE VIEW {database}.overview_messages AS
SELECT
    multiIf(
        grouping(local_day) = 0, 'metric_daily_overview',
        grouping(hour) = 0, 'metric_peak_hours',
        'metric_total_messages') AS metric,
    toDate(local_day) AS day,
    day_of_week,
    hour,
    sum(hour_messages) AS messages,
    sum(hour_user_messages) AS user_messages,
    messages - user_messages AS agent_messages,
    sum(hour_conversations) AS conversations
FROM {database}.window_hours(from={from:DateTime64(3, 'UTC')}, to={to:DateTime64(3, 'UTC')}, timezone={timezone:String}, service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)})
GROUP BY GROUPING SETS ((), (local_day), (day_of_week, hour))
HAVING metric = 'metric_total_messages'
    OR metric = 'metric_peak_hours' AND day_of_week > 0
    OR metric = 'metric_daily_overview' AND local_day BETWEEN toDate32('1970-01-01') AND toDate32('2149-06-06')
ORDER BY local_day, day_of_week, hour;
