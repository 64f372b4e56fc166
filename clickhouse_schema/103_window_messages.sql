-- Messages with their own timestamp in [from, to), of conversations that match the filters. Internal.
-- Grain: one row per day and conversation with such messages; `messages` as in conversation_days, cut to the window.
-- Read by: metric_total_messages, window_times, the page.
CREATE OR REPLACE VIEW {database}.window_messages AS
WITH
    toUnixTimestamp64Milli({from:DateTime64(3, 'UTC')}) AS from_ms,
    toUnixTimestamp64Milli({to:DateTime64(3, 'UTC')}) AS to_ms,
    intDiv(from_ms, 86400000) - 1 AS first_day,
    intDiv(to_ms, 86400000) AS last_day
SELECT
    day,
    conversation_key,
    -- Only the first and the last days need a look at each message.
    if(day * 86400000 >= from_ms AND (day + 1) * 86400000 <= to_ms,
        messages,
        arrayFilter(
            message -> day * 86400000 + toInt64(bitShiftRight(message, 37)) >= from_ms
                AND day * 86400000 + toInt64(bitShiftRight(message, 37)) < to_ms,
            messages)) AS messages
FROM {database}.conversation_days FINAL
WHERE day >= first_day AND day <= last_day
    AND last_message > 0
    AND (empty(arrayConcat({service:Array(String)}, {environment:Array(String)}, {device:Array(String)}, {source:Array(String)}, {language:Array(String)}, {country:Array(String)}))
        OR conversation_key IN (
            SELECT conversation_key
            FROM {database}.matching_conversations(service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)})
            WHERE conversation_key IN (
                SELECT conversation_key FROM {database}.conversation_days
                WHERE day >= first_day AND day <= last_day AND last_message > 0)))
SETTINGS do_not_merge_across_partitions_select_final = 1;
