-- Messages and started conversations of [from, to): in all, by calendar day, and by hour of the week, in `timezone`.
-- Internal. Grain: one row per `metric` (the view that the row is of) and, for metric_daily_overview, each day that
-- [from, to) touches, from 1970 to 2149 (the range of Date); for metric_peak_hours each day of the week (1 = Monday) and
-- hour (0-23); for metric_total_messages one. Sorted as those views are.
--
-- Read by: the page, which has all three from one reading. Tests hold it to the metrics' own views.
CREATE OR REPLACE VIEW {database}.window_times AS
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
        toDate32({local_time(minute)}) AS local_day,
        toDayOfWeek({local_time(minute)}) AS weekday,
        toHour({local_time(minute)}) AS local_hour,
        minute_messages,
        minute_user_messages,
        minute_conversations
    FROM {window_minutes}
    -- Every hour of the week is there, on no day, and every day, on no day of the week.
    UNION ALL
    SELECT toDate32('1900-01-01'), toUInt8(intDiv(number, 24) + 1), toUInt8(number % 24), 0, 0, 0
    FROM numbers(168)
    UNION ALL
    SELECT local_day, 0, 0, 0, 0, 0
    FROM {local_days}
)
GROUP BY GROUPING SETS ((), (local_day), (weekday, local_hour))
HAVING metric = 'metric_total_messages'
    OR metric = 'metric_peak_hours' AND weekday > 0
    OR metric = 'metric_daily_overview' AND local_day BETWEEN toDate32('1970-01-01') AND toDate32('2149-06-06')
ORDER BY local_day, weekday, local_hour
SETTINGS do_not_merge_across_partitions_select_final = 1;
