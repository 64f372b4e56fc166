-- What the conversations of a window can be filtered by, with the metrics' parameters.
-- Grain: one row per filter (service, environment, device, source, language, country) and value.
--
-- Read by: dashboards; the page, which takes metrics 8, 9, 11 and 12 from it as they are counts of the same values, by
-- one reading. Tests hold it to those metrics.
CREATE OR REPLACE VIEW {database}.filter_values AS
SELECT
    filter_and_value.1 AS filter,
    filter_and_value.2 AS value,
    count() AS conversations
FROM
(
    SELECT arrayJoin([
        ('service', service), ('environment', environment), ('device', device),
        ('source', source), ('language', language), ('country', country)]) AS filter_and_value
    FROM {window_conversations(1)}
)
GROUP BY filter, value
ORDER BY filter, conversations DESC, value
SETTINGS do_not_merge_across_partitions_select_final = 1;
