-- model_usage in steps of `step_s` seconds, counted from 1970 (UTC); steps of 86400 are calendar days in `timezone`.
-- Grain: one row per step, provider and model with calls. Units: as model_usage; time = start of the step, UTC.
--
-- Read by: Python's typed views.
CREATE OR REPLACE VIEW {database}.model_usage_over_time AS
SELECT
    time,
    provider,
    model,
    {model_totals}
FROM
(
    SELECT
        if({step_s:UInt32} = 86400,
            toDateTime(toStartOfDay(toDateTime(intDiv(at_ms, 1000), {timezone:String})), 'UTC'),
            toDateTime(intDiv(at_ms, {step_s:UInt32} * 1000) * {step_s:UInt32}, 'UTC')) AS time,
        provider,
        if(model = '', 'unknown', model) AS model,
        toDate(fromUnixTimestamp64Milli(at_ms, 'UTC'), 'UTC') AS price_day,
        {model_day_sums}
    FROM {window_model_calls} AS window_calls
    GROUP BY time, provider, model, price_day
)
GROUP BY time, provider, model
ORDER BY time, calls DESC, provider, model
SETTINGS do_not_merge_across_partitions_select_final = 1;
