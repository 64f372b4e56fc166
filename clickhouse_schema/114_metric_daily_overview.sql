-- Metric 5. Messages by their time and conversations by their start.
-- Grain: one row per calendar day in `timezone` that [from, to) touches, from 1970 to 2149 (the range
-- of Date). Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_daily_overview AS
WITH
    greatest(toDate32(toTimeZone({from:DateTime64(3, 'UTC')}, {timezone:String})), toDate32('1970-01-01')) AS first_day,
    least(toDate32(toTimeZone({to:DateTime64(3, 'UTC')} - toIntervalMillisecond(1), {timezone:String})), toDate32('2149-06-06')) AS last_day
SELECT
    toDate(local_day) AS day,
    sum(minute_messages) AS messages,
    sum(minute_conversations) AS conversations
FROM
(
    SELECT
        toDate32(toTimeZone(fromUnixTimestamp64Milli(minute * 60000, 'UTC'), {timezone:String})) AS local_day,
        minute_messages,
        minute_conversations
    FROM {database}.window_minutes(from={from:DateTime64(3, 'UTC')}, to={to:DateTime64(3, 'UTC')}, service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)})
    UNION ALL
    SELECT addDays(first_day, number), 0, 0
    FROM numbers(if({from:DateTime64(3, 'UTC')} < {to:DateTime64(3, 'UTC')} AND first_day <= last_day, toUInt64(toInt32(last_day) - toInt32(first_day) + 1), 0))
)
WHERE local_day BETWEEN toDate32('1970-01-01') AND toDate32('2149-06-06')
GROUP BY day
ORDER BY day;
