-- Messages and started conversations of [from, to) by the minute, which every timezone's hours and days are made of.
-- Internal. Grain: at most two rows per minute. Units: minute = minutes since 1970 (UTC).
-- Read by: metric_peak_hours, metric_daily_overview.
CREATE OR REPLACE VIEW {database}.window_minutes AS
SELECT
    arrayJoin(arrayMap(message -> day * 1440 + toInt64(intDiv(bitShiftRight(message, 37), 60000)), messages)) AS minute,
    count() AS minute_messages,
    0 AS minute_conversations
FROM {database}.window_messages(from={from:DateTime64(3, 'UTC')}, to={to:DateTime64(3, 'UTC')}, service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)})
GROUP BY minute
UNION ALL
SELECT
    intDiv(toUnixTimestamp64Milli(started_at) - positiveModulo(toUnixTimestamp64Milli(started_at), 60000), 60000) AS minute,
    0 AS minute_messages,
    count() AS minute_conversations
FROM {database}.window_conversations(from={from:DateTime64(3, 'UTC')}, to={to:DateTime64(3, 'UTC')}, service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)})
GROUP BY minute;
