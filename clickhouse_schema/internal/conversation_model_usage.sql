-- Model calls, tokens and cost of conversations, at any time. Internal: conversations_v shows them.
-- Grain: one row per conversation with model calls. A filter on conversation_key reaches the table.
--
-- Read by: conversations_v.
CREATE OR REPLACE VIEW {database}.conversation_model_usage AS
SELECT
    conversation_key,
    sum(day_calls) AS calls,
    sum(day_input) AS input,
    sum(day_output) AS output,
    if({currency_of_all} = '', NULL, sum((day_input - day_cached) * price.1 + day_cached * price.2 + day_output * price.3) / 1e6) AS cost,
    {currency_of_all} AS currency
FROM
(
    SELECT
        conversation_key,
        model,
        toDate(fromUnixTimestamp64Milli(at_ms, 'UTC'), 'UTC') AS price_day,
        count() AS day_calls,
        sum(once.input) AS day_input,
        sum(once.cached) AS day_cached,
        sum(once.output) AS day_output,
        {price_of(lower(model), price_day)} AS price
    FROM {model_calls_once(1)} AS once
    GROUP BY conversation_key, model, price_day
)
GROUP BY conversation_key;
