-- Metric 5. Messages by their time and conversations by their start.
-- Grain: one row per calendar day in `timezone` that [from, to) touches, from 1970 to 2149 (the range
-- of Date).
--
-- Read by: dashboards, the command line.
--
-- countIf: a condition on local_day alone is one that ClickHouse asks of every message.
CREATE OR REPLACE VIEW {database}.metric_daily_overview AS
SELECT
    assumeNotNull(toDate(local_day)) AS day,
    sum(minute_messages) AS messages,
    sum(minute_conversations) AS conversations
FROM
(
    SELECT toDate32({local_time(minute)}) AS local_day, minute_messages, minute_conversations
    FROM {window_minutes}
    UNION ALL
    SELECT local_day, 0, 0
    FROM {local_days}
)
GROUP BY local_day
HAVING countIf(local_day BETWEEN toDate32('1970-01-01') AND toDate32('2149-06-06')) > 0
ORDER BY local_day
SETTINGS do_not_merge_across_partitions_select_final = 1;
