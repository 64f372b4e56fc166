-- Calls of language models.
-- Grain: one row per span of a call; a span sent twice merges into one row. Units: day = days since 1970 (UTC) on which the call started; durations in ns.
--
-- Written by: model_calls_mv. Read by: counted_model_calls.
CREATE TABLE IF NOT EXISTS {database}.model_calls
(
    `day` Int32 COMMENT 'Days since 1970 (UTC) on which the call started' CODEC(Delta(4), ZSTD(1)),
    `conversation_key` UInt64 COMMENT 'sipHash64 of the conversation id; 0 where the span has none: then trace_owners may know it' CODEC(ZSTD(1)),
    `trace_key` UInt64 COMMENT 'sipHash64 of the trace id where the span has no conversation id; else 0' CODEC(ZSTD(1)),
    `call_key` UInt64 COMMENT 'sipHash64 of trace id and span id' CODEC(ZSTD(1)),
    `started_at` DateTime64(3, 'UTC') COMMENT 'When' CODEC(Delta(8), ZSTD(1)),
    `duration_ns` UInt64 COMMENT 'ns; 0 where the span ends before it starts' CODEC(T64, ZSTD(1)),
    `scope` LowCardinality(String) COMMENT 'The instrumentation that reported it' CODEC(ZSTD(1)),
    `provider` LowCardinality(String) COMMENT 'Lower-cased; empty where not said' CODEC(ZSTD(1)),
    `model` LowCardinality(String) COMMENT 'Of the response, else of the request; empty where not said' CODEC(ZSTD(1)),
    `is_error` Bool COMMENT 'Whether the call failed' CODEC(ZSTD(1)),
    `input_tokens` UInt64 COMMENT 'Cached ones included; 0 where not said' CODEC(T64, ZSTD(1)),
    `cached_input_tokens` UInt64 COMMENT 'Those read from a cache' CODEC(T64, ZSTD(1)),
    `output_tokens` UInt64 COMMENT 'Those of reasoning included; 0 where not said' CODEC(T64, ZSTD(1)),
    `reasoning_tokens` UInt64 COMMENT 'Those of reasoning' CODEC(T64, ZSTD(1)),
    `first_token_ns` UInt64 COMMENT 'To the first chunk of a streamed response; 0 where not said' CODEC(T64, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY {week_of_day}
ORDER BY (day, conversation_key, trace_key, call_key)
SETTINGS min_age_to_force_merge_seconds = 3600, min_age_to_force_merge_on_partition_only = 1;
