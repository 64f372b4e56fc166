-- How long answers took day by day, as it is now: those that resolved knows, and, resolved by the query itself, those of conversations that spans arrived for since. Internal.
-- Grain: one row per conversation and day on which it was active; of those that resolved does not know, days with an answer or a run without one. Units: as in resolved. A filter on `day` reaches the table.
--
-- Read by: every metric of response times. Apart from known_days, as to plan what resolves responses takes time.
CREATE OR REPLACE VIEW {database}.known_responses AS
SELECT {labels}, {response_values}
FROM {database}.resolved FINAL
WHERE conversation_key NOT IN ({live_keys})
UNION ALL
SELECT {labels}, {response_values}
FROM ({resolving_responses({live_keys})}) AS of_responses
INNER JOIN ({resolving_labels({live_keys})}) AS known USING (conversation_key)
SETTINGS do_not_merge_across_partitions_select_final = 1;
