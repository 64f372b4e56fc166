-- Messages and started conversations of [from, to) in the days and hours of `timezone`, together with a row of nothing for
-- each day that [from, to) touches and for each hour of the week. Internal.
-- Grain: several rows per hour; to be summed. local_day = 1900-01-01 in the rows that are there for an hour of the week,
-- day_of_week = 0 in those that are there for a day.
-- Read by: metric_peak_hours, metric_daily_overview, overview_messages.
--
-- By the minute first, as every timezone's hours and days are made of those.
CREATE OR REPLACE VIEW {database}.window_hours AS
WITH
    greatest(toDate32(toTimeZone({from:DateTime64(3, 'UTC')}, {timezone:String})), toDate32('1970-01-01')) AS first_day,
    least(toDate32(toTimeZone({to:DateTime64(3, 'UTC')} - toIntervalMillisecond(1), {timezone:String})), toDate32('2149-06-06')) AS last_day
SELECT
    toDate32(at) AS local_day,
    toDayOfWeek(at) AS day_of_week,
    toHour(at) AS hour,
    hour_messages,
    hour_user_messages,
    hour_conversations
FROM
(
    SELECT
        toTimeZone(fromUnixTimestamp64Milli(minute * 60000, 'UTC'), {timezone:String}) AS at,
        hour_messages,
        hour_user_messages,
        hour_conversations
    FROM
    (
        SELECT
            day * 1440 + toInt64(intDiv(bitShiftRight(message, 37), 60000)) AS minute,
            count() AS hour_messages,
            countIf(NOT bitTest(message, 36)) AS hour_user_messages,
            0 AS hour_conversations
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
)
UNION ALL
SELECT toDate32('1900-01-01'), toUInt8(intDiv(number, 24) + 1), toUInt8(number % 24), 0, 0, 0
FROM numbers(168)
UNION ALL
SELECT addDays(first_day, number), 0, 0, 0, 0, 0
FROM numbers(if({from:DateTime64(3, 'UTC')} < {to:DateTime64(3, 'UTC')} AND first_day <= last_day, toUInt64(toInt32(last_day) - toInt32(first_day) + 1), 0));
