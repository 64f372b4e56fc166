-- Reports of model calls in conversations, also of spans that say only by their trace which it is. Internal.
-- Grain: one row per span of a call: two instrumentations of one call are two rows; the macro window_model_calls counts them once.
--
-- Read by: model_usage, model_usage_over_time, conversation_model_usage. A filter on `day` reaches the table.
CREATE OR REPLACE VIEW {database}.counted_model_calls AS
SELECT day, conversation_key, call_key, started_at, duration_ns, scope, provider, model, is_error, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, first_token_ns
FROM {database}.model_calls FINAL
WHERE conversation_key != 0
UNION ALL
SELECT day, owners.conversation_key, call_key, started_at, duration_ns, scope, provider, model, is_error, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, first_token_ns
FROM (SELECT * EXCEPT (conversation_key) FROM {database}.model_calls FINAL WHERE conversation_key = 0) AS calls
INNER JOIN (SELECT trace_key, conversation_key FROM {database}.trace_owners FINAL) AS owners USING trace_key;
