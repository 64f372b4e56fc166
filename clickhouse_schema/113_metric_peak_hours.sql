-- Metric 4. Messages by their time and conversations by their start, in the hours of the week of `timezone`.
-- Grain: one row per day of the week (1 = Monday) and hour (0-23), always 168. Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_peak_hours AS
SELECT
    day_of_week,
    hour,
    sum(minute_messages) AS messages,
    sum(minute_conversations) AS conversations
FROM
(
    SELECT
        toTimeZone(fromUnixTimestamp64Milli(minute * 60000, 'UTC'), {timezone:String}) AS at,
        toDayOfWeek(at) AS day_of_week,
        toHour(at) AS hour,
        minute_messages,
        minute_conversations
    FROM {database}.window_minutes(from={from:DateTime64(3, 'UTC')}, to={to:DateTime64(3, 'UTC')}, service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)})
    UNION ALL
    SELECT NULL, toUInt8(intDiv(number, 24) + 1), toUInt8(number % 24), 0, 0
    FROM numbers(168)
)
GROUP BY day_of_week, hour
ORDER BY day_of_week, hour;
