-- Conversations as they are now: those that resolved knows, and, resolved by the query itself, those that spans arrived for since. Internal.
-- Grain: one row per conversation and day on which it was active. Units: as in resolved. A filter on `day` reaches the table; without one, the row that says until when resolved knows is here, too.
--
-- Read by: every metric of conversations, or with filters. A plain view, as ClickHouse analyses it once a query, and what
-- stands in a view with parameters twice.
CREATE OR REPLACE VIEW {database}.known_conversations AS
SELECT {conversation_values}
FROM {database}.resolved FINAL
WHERE conversation_key NOT IN ({live_keys})
UNION ALL
SELECT {conversation_values}
FROM ({resolving({live_keys})})
SETTINGS do_not_merge_across_partitions_select_final = 1;
