-- Metric 6. From start to end, over the conversations of the window; one without explicit end and with fewer than two
-- messages has no duration and is not counted.
-- Grain: one row. Units: seconds; NULL where there is no duration. Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_conversation_duration AS
SELECT
    avg(duration_ms) / 1000 AS average_s,
    quantileExactInclusiveOrNull(0.5)(duration_ms) / 1000 AS p50_s,
    quantileExactInclusiveOrNull(0.95)(duration_ms) / 1000 AS p95_s,
    count(duration_ms) AS conversations
FROM {database}.window_conversations(from={from:DateTime64(3, 'UTC')}, to={to:DateTime64(3, 'UTC')}, service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)});
