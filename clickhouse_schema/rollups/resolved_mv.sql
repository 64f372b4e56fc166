-- Fills resolved: every few seconds resolves anew what was touched up to a minute ago, and keeps what changed.
--
-- The row that says until when resolved knows what was touched comes last, so that it is not there before the others.
-- Where many wait, as after a load or a stop, they are resolved in rounds: all at once would take memory without bound.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.resolved_mv REFRESH EVERY 10 SECOND APPEND TO {database}.resolved AS
SELECT *
FROM
(
    SELECT {resolved_columns}, toUInt64(toUnixTimestamp64Milli(now64(3))) AS version
    FROM ({newly_resolved({settled_keys})})
    UNION ALL
    SELECT 2147483647, 0, '', '', '', '', '', '', 0, 0, 0, NULL, NULL, NULL, 0, [], [], [], [], [], [], toUInt64(toUnixTimestamp({settled_to}) + 59) * 1000
    FROM (SELECT count() AS live FROM (SELECT conversation_key FROM ({live_keys}) LIMIT 1))
    WHERE live > 0 OR {resolved_until} = 0
)
ORDER BY day, conversation_key;
