-- What the conversations of a window can be filtered by, with the metrics' parameters.
-- Grain: one row per filter (service, environment, device, source, language, country) and value.
-- Read by: dashboards, the page.
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
    FROM {database}.window_conversations(from={from:DateTime64(3, 'UTC')}, to={to:DateTime64(3, 'UTC')}, service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)})
)
GROUP BY filter, value
ORDER BY filter, conversations DESC, value;
