-- Feedback day by day, as it is now: of conversations that resolved knows, and, resolved by the query itself, of those that spans arrived for since. Internal.
-- Grain: one row per conversation and day on which it was active; of those that resolved does not know, days with feedback. Units: as in resolved. A filter on `day` reaches the table.
--
-- Read by: metric_conversation_feedback, feedback_over_time.
CREATE OR REPLACE VIEW {database}.known_feedback AS
SELECT {labels}, seen, feedback
FROM {database}.resolved FINAL
WHERE conversation_key NOT IN ({live_keys})
UNION ALL
SELECT {labels}, seen, feedback
FROM ({resolving_feedback({live_keys})}) AS of_feedback
INNER JOIN ({resolving_labels({live_keys})}) AS known USING (conversation_key)
SETTINGS do_not_merge_across_partitions_select_final = 1;
