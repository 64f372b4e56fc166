-- Conversations that were touched, resolved, where that is not what resolved has of them; and until when this is so. Internal.
-- Grain: one row per conversation and day that changed. Units: as in resolved.
--
-- Read by: resolved_mv. Where many wait, as after a load or a stop, they are resolved in rounds: all at once would take
-- memory without bound.
CREATE OR REPLACE VIEW {database}.newly_resolved AS
SELECT {resolved_columns}, toUInt64(toUnixTimestamp64Milli(now64(3))) AS version
FROM ({newly_resolved({settled_keys})})
UNION ALL
SELECT 2147483647, 0, '', '', '', '', '', '', 0, 0, 0, NULL, NULL, NULL, 0, [], [], [], [], [], [], toUInt64(toUnixTimestamp({settled_to}) + 59) * 1000;
