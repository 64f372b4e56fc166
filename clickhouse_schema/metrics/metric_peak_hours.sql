-- Metric 4. Messages by their time and conversations by their start, in the hours of the week of `timezone`.
-- Grain: one row per day of the week (1 = Monday) and hour (0-23), always 168.
--
-- Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_peak_hours AS
SELECT
    day_of_week,
    hour,
    sum(minute_messages) AS messages,
    sum(minute_conversations) AS conversations
FROM
(
    SELECT
        toDayOfWeek({local_time(minute)}) AS day_of_week,
        toHour({local_time(minute)}) AS hour,
        minute_messages,
        minute_conversations
    FROM {window_minutes}
    UNION ALL
    SELECT toUInt8(intDiv(number, 24) + 1), toUInt8(number % 24), 0, 0
    FROM numbers(168)
)
GROUP BY day_of_week, hour
ORDER BY day_of_week, hour
SETTINGS do_not_merge_across_partitions_select_final = 1;
