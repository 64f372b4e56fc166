-- Model calls that started in [from, to), by provider and model, most used first, with the metrics' parameters. One call that two instrumentations report counts once.
-- Grain: one row per provider and model. Units: tokens (input includes cached, output includes reasoning), seconds; cost in currency, NULL where a price is missing in model_prices or prices are in several currencies; first_token_average_s NULL where not known. (`timezone` is not needed; it may be given.)
--
-- Read by: dashboards, the page, the command line.
CREATE OR REPLACE VIEW {database}.model_usage AS
SELECT
    provider,
    model,
    {model_totals}
FROM
(
    SELECT
        provider,
        if(model = '', 'unknown', model) AS model,
        toDate(fromUnixTimestamp64Milli(at_ms, 'UTC'), 'UTC') AS price_day,
        {model_day_sums}
    FROM {window_model_calls} AS window_calls
    GROUP BY provider, model, price_day
)
GROUP BY provider, model
ORDER BY calls DESC, provider, model
SETTINGS do_not_merge_across_partitions_select_final = 1;
