-- Calls of models: what spans say of them, each call once, tokens and cost.

-- A call of a model, in any accepted dialect. Tokens are 0 where the span does not say.
MACRO is_model_call AS
(SpanRole = 'model' OR AgentKind = 'llm');
MACRO model_provider AS
replaceRegexpOne(lower(trim(BOTH '"' FROM toLowCardinality({first_of([{attribute('gen_ai.provider.name')}, {attribute('gen_ai.system')}, {attribute('llm.provider')}, {attribute('llm.system')}, {attribute('langsmith.metadata.ls_provider')}, {attribute('langfuse.observation.metadata.ls_provider')}, {attribute('ai.model.provider')}])}))), '\\.(chat|responses|completion|messages)$', '');
MACRO model_name AS
trim(BOTH '"' FROM toLowCardinality({first_of([{attribute('gen_ai.response.model')}, {attribute('gen_ai.request.model')}, {attribute('llm.model_name')}, {attribute('llm.response_model')}, {attribute('ai.response.model')}, {attribute('ai.model.id')}, {attribute('langfuse.observation.model.name')}, {attribute('langsmith.metadata.ls_model_name')}, {attribute('mlflow.llm.model')}, {attribute('model')}])}));
MACRO usage_json AS
{first_of([{attribute('langfuse.observation.usage_details')}, {attribute('mlflow.chat.tokenUsage')}, {attribute('langsmith.metadata.usage_metadata')}])};
-- A number of tokens: as an attribute says, else as the first of some members of `usage`, a JSON document, says.
MACRO tokens_of(said, members) AS
if({said} != '' OR usage = '', toUInt64(toFloat64OrZero({said})), arrayFirst(tokens -> tokens > 0, arrayMap(member -> JSONExtractUInt(usage, member), {members})));
MACRO said_input_tokens AS
{first_of([{attribute('gen_ai.usage.input_tokens')}, {attribute('gen_ai.usage.prompt_tokens')}, {attribute('llm.token_count.prompt')}, {attribute('ai.usage.inputTokens')}, {attribute('ai.usage.promptTokens')}])};
MACRO said_cached_input_tokens AS
{first_of([{attribute('gen_ai.usage.cache_read.input_tokens')}, {attribute('gen_ai.usage.cache_read_input_tokens')}, {attribute('gen_ai.usage.details.cache_read_tokens')}, {attribute('agentsight.llm.cache_read_tokens')}, {attribute('llm.token_count.prompt_details.cache_read')}, {attribute('ai.usage.cachedInputTokens')}, {attribute('ai.usage.inputTokenDetails.cacheReadTokens')}])};
MACRO said_output_tokens AS
{first_of([{attribute('gen_ai.usage.output_tokens')}, {attribute('gen_ai.usage.completion_tokens')}, {attribute('llm.token_count.completion')}, {attribute('ai.usage.outputTokens')}, {attribute('ai.usage.completionTokens')}])};
MACRO said_reasoning_tokens AS
{first_of([{attribute('gen_ai.usage.reasoning.output_tokens')}, {attribute('gen_ai.usage.reasoning_tokens')}, {attribute('gen_ai.usage.details.reasoning_tokens')}, {attribute('agentsight.llm.reasoning_tokens')}, {attribute('llm.token_count.completion_details.reasoning')}, {attribute('ai.usage.reasoningTokens')}, {attribute('ai.usage.outputTokenDetails.reasoningTokens')}])};

-- Seconds to the first chunk of a response, as ns; Strands says it in ms. 0 where the span does not say.
MACRO said_first_token_s AS
{first_of([{attribute('gen_ai.response.time_to_first_chunk')}, {attribute('gen_ai.client.operation.time_to_first_chunk')}, {attribute('gen_ai.server.time_to_first_token')}])};
MACRO said_first_token_ms AS
{first_of([{attribute('ai.response.msToFirstChunk')}, {attribute('ai.stream.msToFirstChunk')}])};
MACRO first_token_ns AS
toUInt64(greatest(0, if(first_token_s != '', toFloat64OrZero(first_token_s) * if(scope = 'strands.telemetry.tracer', 1e6, 1e9), toFloat64OrZero(first_token_ms) * 1e6)));
-- Reports of one model call by two instrumentations count once: of two that lie one within the other, from different
-- scopes and of names that fit, the longer is the call; what it does not say is taken from the other.
-- A report: (1 key, 2 start ms, 3 end ms, 4 ns, 5 scope, 6 provider, 7 model, 8 failed, 9 input, 10 cached, 11 output, 12 reasoning, 13 first token ns).
MACRO model_call_report AS
(call_key, toUnixTimestamp64Milli(started_at), toUnixTimestamp64Milli(started_at) + toInt64(intDiv(duration_ns, 1000000)), duration_ns, toString(scope), toString(provider), toString(model), is_error, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, first_token_ns);
MACRO same_model_call(longer, shorter) AS
({longer}.5 != {shorter}.5 AND {longer}.2 <= {shorter}.2 + 5 AND {longer}.3 + 5 >= {shorter}.3 AND ({longer}.4, {longer}.1) > ({shorter}.4, {shorter}.1)
            AND ({longer}.7 = '' OR {shorter}.7 = '' OR startsWith({longer}.7, {shorter}.7) OR startsWith({shorter}.7, {longer}.7)));
MACRO once_each(reports) AS
arrayMap(call -> arrayFold((known, other) -> (
                known.1, known.2, known.3, known.4, known.5, if(known.6 = '', other.6, known.6), if(length(other.7) > length(known.7), other.7, known.7), known.8,
                if(known.9 = 0, other.9, known.9), if(known.10 = 0, other.10, known.10), if(known.11 = 0, other.11, known.11),
                if(known.12 = 0, other.12, known.12), if(known.13 = 0, other.13, known.13)),
            arrayFilter(other -> {same_model_call(call, other)}, {reports}), call),
        arrayFilter(call -> NOT arrayExists(other -> {same_model_call(other, call)}, {reports}), {reports}));

-- The first price that fits a model on a day: (input, cached input, output, currency); currency is empty where none fits.
MACRO price_of(model, day) AS
arrayFirst(price -> ({model} LIKE price.1 OR arrayLast(part -> true, splitByChar('/', {model})) LIKE price.1) AND price.2 <= {day},
        (SELECT arraySort(price -> (position(price.1, '%') > 0, -length(price.1), -toInt32(price.2)), groupArray((
            replaceAll(replaceAll(replaceAll(lower(prices.model), '\\', '\\\\'), '_', '\\_'), '*', '%'), valid_from,
            (input_price, ifNull(cached_input_price, input_price), output_price, toString(currency)))))
        FROM {database}.model_prices AS prices FINAL)).3;

-- Model calls, each once: columns of one row per call.
MACRO model_calls_once(condition) AS
(
        SELECT
            conversation_key,
            call.2 AS at_ms,
            call.4 / 1e9 AS duration_s,
            call.6 AS provider,
            call.7 AS model,
            call.8 AS failed,
            call.9 AS input,
            least(call.10, call.9) AS cached,
            call.11 AS output,
            least(call.12, call.11) AS reasoning,
            if(call.13 = 0, NULL, call.13 / 1e9) AS first_token_s
        FROM
        (
            SELECT conversation_key, groupArray({model_call_report}) AS reports
            FROM {database}.counted_model_calls
            WHERE {condition}
            GROUP BY conversation_key
        )
        ARRAY JOIN {once_each(reports)} AS call);

-- Those that started in the window, of conversations that match the filters.
MACRO window_model_calls AS
(
        SELECT *
        FROM {model_calls_once(day >= {first_day} - 1 AND day <= {last_day} + 1 AND {counts_in_days({first_day} - 1, {last_day} + 1)})}
        WHERE at_ms >= {from_ms} AND at_ms < {to_ms});

-- What calls are counted by: one of a call's model and provider and its conversation's service and environment.
MACRO model_dimension(by, provider, model, service, environment) AS
transform(multiIf({by} = 'provider', {provider}, {by} = 'service', {service}, {by} = 'environment', {environment}, {model}), [''], ['unknown']);

-- The currency of all prices of a group; empty where one is missing or they are in several: those are not added up.
MACRO currency_of_all AS
if(min(price.4) = max(price.4), min(price.4), '');

-- Totals of model calls by day, from window_model_calls; cost is NULL where a price is missing for one of them, or
-- prices are in several currencies.
MACRO model_totals AS
sum(day_calls) AS calls,
    sum(day_errors) AS errors,
    sum(input) AS input_tokens,
    sum(cached) AS cached_input_tokens,
    sum(output) AS output_tokens,
    sum(reasoning) AS reasoning_tokens,
    sum(duration_sum_s) / sum(day_calls) AS average_s,
    quantileExactInclusiveArray(0.95)(durations_s) AS p95_s,
    if(sum(first_tokens) = 0, NULL, sum(first_token_sum_s) / sum(first_tokens)) AS first_token_average_s,
    if({currency_of_all} = '', NULL, sum((input - cached) * price.1 + cached * price.2 + output * price.3) / 1e6) AS cost,
    {currency_of_all} AS currency;
MACRO model_day_sums AS
count() AS day_calls,
        countIf(failed) AS day_errors,
        sum(window_calls.input) AS input,
        sum(window_calls.cached) AS cached,
        sum(window_calls.output) AS output,
        sum(window_calls.reasoning) AS reasoning,
        sum(duration_s) AS duration_sum_s,
        groupArray(duration_s) AS durations_s,
        count(first_token_s) AS first_tokens,
        sum(first_token_s) AS first_token_sum_s,
        {price_of(lower(model), price_day)} AS price;
