-- Metric 14. Feedback given in [from, to); of several in one conversation the latest in the window counts.
-- Grain: one row. Units: rate 0-1, NULL where there is neither positive nor negative feedback.
-- Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_conversation_feedback AS
SELECT
    countIf(latest = 'positive') AS positive,
    countIf(latest = 'neutral') AS neutral,
    countIf(latest = 'negative') AS negative,
    count() AS total,
    if(positive + negative = 0, NULL, positive / (positive + negative)) AS positive_rate
FROM
(
    SELECT argMax(sentiment, (given_at, trace_id, span_id)) AS latest
    FROM {database}.feedback
    WHERE day >= intDiv(toUnixTimestamp64Milli({from:DateTime64(3, 'UTC')}), 86400000) - 1
        AND day <= intDiv(toUnixTimestamp64Milli({to:DateTime64(3, 'UTC')}), 86400000)
        AND given_at >= {from:DateTime64(3, 'UTC')}
        AND given_at < {to:DateTime64(3, 'UTC')}
        AND (empty(arrayConcat({service:Array(String)}, {environment:Array(String)}, {device:Array(String)}, {source:Array(String)}, {language:Array(String)}, {country:Array(String)}))
            OR conversation_key IN (SELECT conversation_key FROM {database}.matching_conversations(service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)})))
    GROUP BY conversation_key
);
