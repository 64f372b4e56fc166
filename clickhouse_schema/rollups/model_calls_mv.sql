-- Fills model_calls from every insert into otel_traces, by way of span_facts.
-- The AgentSight 0.1 SDK leaves cached tokens out of the input; everybody else, and the conventions, include them.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.model_calls_mv TO {database}.model_calls AS
SELECT
    day,
    conversation_key,
    trace_key,
    call_key,
    started_at,
    duration_ns,
    scope,
    provider,
    model,
    is_error,
    greatest(input + beside_input, cached) AS input_tokens,
    cached AS cached_input_tokens,
    greatest(output, reasoning) AS output_tokens,
    reasoning AS reasoning_tokens,
    {first_token_ns} AS first_token_ns
FROM
(
    SELECT
        *,
        {tokens_of(said_input, ['input_tokens', 'prompt_tokens', 'input'])} AS input,
        {tokens_of(said_cached, ['cache_read_input_tokens', 'input_cached_tokens', 'input_cache_read'])} AS cached,
        {tokens_of(said_output, ['output_tokens', 'completion_tokens', 'output'])} AS output,
        {tokens_of(said_reasoning, ['reasoning_tokens', 'output_reasoning_tokens'])} AS reasoning
    FROM
    (
        SELECT
            {place_of_span},
            sipHash64(TraceId, SpanId) AS call_key,
            fromUnixTimestamp64Milli(StartMs, 'UTC') AS started_at,
            DurationNs AS duration_ns,
            ScopeName AS scope,
            {model_provider} AS provider,
            {model_name} AS model,
            HasFailed AS is_error,
            {usage_json} AS usage,
            {said_input_tokens} AS said_input,
            toUInt64OrZero({attribute('agentsight.llm.cache_read_tokens')}) + toUInt64OrZero({attribute('agentsight.llm.cache_write_tokens')}) AS beside_input,
            {said_cached_input_tokens} AS said_cached,
            {said_output_tokens} AS said_output,
            {said_reasoning_tokens} AS said_reasoning,
            {said_first_token_s} AS first_token_s,
            {said_first_token_ms} AS first_token_ms
        FROM {database}.span_facts
        WHERE {is_model_call}
    )
);
