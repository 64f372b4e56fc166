-- Messages and started conversations of [from, to): in all, by calendar day, and by hour of the week, in `timezone`.
-- Internal. Grain: one row per `metric` (the view that the row is of) and, for metric_daily_overview, each day that
-- [from, to) touches, from 1970 to 2149 (the range of Date); for metric_peak_hours each day of the week (1 = Monday) and
-- hour (0-23); for metric_total_messages one. Sorted as those views are.
-- Read by: metric_peak_hours, metric_daily_overview, the page.
--
-- By the minute first, as every timezone's hours and days are made of those.
CREATE OR REPLACE VIEW {database}.window_times AS
WITH
    greatest(toDate32(toTimeZone({from:DateTime64(3, 'UTC')}, {timezone:String})), toDate32('1970-01-01')) AS first_day,
    least(toDate32(toTimeZone({to:DateTime64(3, 'UTC')} - toIntervalMillisecond(1), {timezone:String})), toDate32('2149-06-06')) AS last_day
SELECT
    multiIf(
        grouping(local_day) = 0, 'metric_daily_overview',
        grouping(local_hour) = 0, 'metric_peak_hours',
        'metric_total_messages') AS metric,
    assumeNotNull(toDate(local_day)) AS day,
    assumeNotNull(weekday) AS day_of_week,
    assumeNotNull(local_hour) AS hour,
    sum(minute_messages) AS messages,
    sum(minute_user_messages) AS user_messages,
    messages - user_messages AS agent_messages,
    sum(minute_conversations) AS conversations
FROM
(
    SELECT
        toTimeZone(fromUnixTimestamp64Milli(minute * 60000, 'UTC'), {timezone:String}) AS at,
        toDate32(at) AS local_day,
        toDayOfWeek(at) AS weekday,
        toHour(at) AS local_hour,
        minute_messages,
        minute_user_messages,
        minute_conversations
    FROM
    (
        SELECT
            day * 1440 + toInt64(intDiv(bitShiftRight(message, 37), 60000)) AS minute,
            count() AS minute_messages,
            countIf(NOT bitTest(message, 36)) AS minute_user_messages,
            0 AS minute_conversations
        FROM {database}.window_messages(from={from:DateTime64(3, 'UTC')}, to={to:DateTime64(3, 'UTC')}, service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)})
        ARRAY JOIN messages AS message
        GROUP BY minute
        UNION ALL
        SELECT
            intDiv(toUnixTimestamp64Milli(started_at) - positiveModulo(toUnixTimestamp64Milli(started_at), 60000), 60000) AS minute,
            0, 0, count()
        FROM {database}.window_conversations(from={from:DateTime64(3, 'UTC')}, to={to:DateTime64(3, 'UTC')}, service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)})
        GROUP BY minute
    )
    -- Every hour of the week is there, on no day, and every day, on no day of the week.
    UNION ALL
    SELECT NULL, toDate32('1900-01-01'), toUInt8(intDiv(number, 24) + 1), toUInt8(number % 24), 0, 0, 0
    FROM numbers(168)
    UNION ALL
    SELECT NULL, addDays(first_day, number), 0, 0, 0, 0, 0
    FROM numbers(if({from:DateTime64(3, 'UTC')} < {to:DateTime64(3, 'UTC')} AND first_day <= last_day, toUInt64(toInt32(last_day) - toInt32(first_day) + 1), 0))
)
GROUP BY GROUPING SETS ((), (local_day), (weekday, local_hour))
HAVING metric = 'metric_total_messages'
    OR metric = 'metric_peak_hours' AND weekday > 0
    OR metric = 'metric_daily_overview' AND local_day BETWEEN toDate32('1970-01-01') AND toDate32('2149-06-06')
ORDER BY local_day, weekday, local_hour;
