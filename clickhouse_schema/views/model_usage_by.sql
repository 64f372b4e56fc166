-- Model calls by one dimension, `by`: model, provider, service or environment (the last two of the conversation, as in the filters), in steps of `step_s` seconds (counted from 1970, UTC), with the metrics' other parameters.
-- Grain: one row per step and value of the dimension with calls. Units: as model_usage; time = start of the step, UTC; value is unknown where the dimension was not given.
--
-- Read by: dashboards.
CREATE OR REPLACE VIEW {database}.model_usage_by AS
SELECT
    time,
    value,
    {model_totals}
FROM
(
    SELECT
        toDateTime(intDiv(at_ms, {step_s:UInt32} * 1000) * {step_s:UInt32}, 'UTC') AS time,
        {model_dimension({by:String}, provider, model, labels.service, labels.environment)} AS value,
        model,
        toDate(fromUnixTimestamp64Milli(at_ms, 'UTC'), 'UTC') AS price_day,
        {model_day_sums}
    FROM {window_model_calls} AS window_calls
    LEFT JOIN
    (
        SELECT conversation_key, toString(any(service)) AS service, toString(any(environment)) AS environment
        FROM {database}.known_conversations
        WHERE {by:String} IN ('service', 'environment') AND day >= {first_day} - 1 AND day <= {last_day} + 1
        GROUP BY conversation_key
    ) AS labels USING (conversation_key)
    GROUP BY time, value, model, price_day
)
GROUP BY time, value
ORDER BY time, calls DESC, value
SETTINGS do_not_merge_across_partitions_select_final = 1;
