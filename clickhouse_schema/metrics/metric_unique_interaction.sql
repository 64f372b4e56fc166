-- Metric 15. Visits: conversations first seen in [from, to), by conversation_opened or by engagement, whichever is
-- earlier; engaged: those of them engaged at any time, by a user's message or what macro starts_conversation names.
-- Grain: one row. Units: rate 0-1, NULL where there is no visit.
--
-- Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_unique_interaction AS
SELECT
    count() AS visits,
    sum(known.engaged) AS engaged,
    if(visits = 0, NULL, engaged / visits) AS rate
FROM {database}.known_conversations AS known
WHERE {day_in_window} AND {in_window(first_seen_at)} AND NOT excluded AND {matches_filters}
SETTINGS do_not_merge_across_partitions_select_final = 1;
