-- What conversations said day by day, and when they started, as it is now: those that resolved knows, and, resolved by the query itself, those that spans arrived for since. Internal.
-- Grain: one row per conversation and day on which it was active. Units: as in resolved. A filter on `day` reaches the table; without one, the row that says until when resolved knows is here, too.
--
-- Read by: every metric of messages.
CREATE OR REPLACE VIEW {database}.known_days AS
SELECT {labels}, started_at, messages
FROM {database}.resolved FINAL
WHERE conversation_key NOT IN ({live_keys})
UNION ALL
SELECT
    {labels},
    if(ifNull(day = {day_of_ms(toUnixTimestamp64Milli(start_at))}, false), start_at, NULL) AS started_at,
    messages
FROM (SELECT * EXCEPT days, arrayJoin(days) AS day FROM ({resolving_labels({live_keys})})) AS known
LEFT JOIN ({resolving_messages({live_keys})}) AS of_messages USING (conversation_key, day)
SETTINGS do_not_merge_across_partitions_select_final = 1;
