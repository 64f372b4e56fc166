-- Fills resolved: every few seconds resolves anew what was touched up to a minute ago, and keeps what changed.
--
-- The row that says until when resolved knows what was touched comes last, so that it is not there before the others.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.resolved_mv REFRESH EVERY 10 SECOND APPEND TO {database}.resolved AS
WITH toUInt64(toUnixTimestamp64Milli(now64(3))) AS version
SELECT *
FROM
(
    SELECT {resolved_columns}, version
    FROM ({newly_resolved({settled_keys})})
    UNION ALL
    SELECT 2147483647, 0, '', '', '', '', '', '', 0, 0, 0, NULL, NULL, NULL, 0, [], [], [], [], [], [], version
    FROM (SELECT count() AS live FROM (SELECT conversation_key FROM ({live_keys}) LIMIT 1))
    WHERE live > 0 OR {resolved_until} = 0
)
ORDER BY day, conversation_key;
