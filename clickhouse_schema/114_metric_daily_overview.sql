-- Metric 5. Messages by their time and conversations by their start.
-- Grain: one row per calendar day in `timezone` that [from, to) touches. Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_daily_overview AS
WITH
    toDate(toTimeZone({from:DateTime64(3, 'UTC')}, {timezone:String})) AS first_day,
    toDate(toTimeZone({to:DateTime64(3, 'UTC')} - toIntervalMillisecond(1), {timezone:String})) AS last_day
SELECT
    day,
    sum(minute_messages) AS messages,
    sum(minute_conversations) AS conversations
FROM
(
    SELECT
        toDate(toTimeZone(fromUnixTimestamp64Milli(minute * 60000, 'UTC'), {timezone:String})) AS day,
        minute_messages,
        minute_conversations
    FROM {database}.window_minutes(from={from:DateTime64(3, 'UTC')}, to={to:DateTime64(3, 'UTC')}, service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)})
    UNION ALL
    SELECT first_day + number, 0, 0
    FROM numbers(if({from:DateTime64(3, 'UTC')} < {to:DateTime64(3, 'UTC')}, toUInt64(last_day - first_day + 1), 0))
)
GROUP BY day
ORDER BY day;
