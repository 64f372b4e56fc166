-- Tool calls.
-- Grain: one row per tool call; a span sent twice merges into one row.
-- Units: day = days since 1970 (UTC) on which the call started; duration in ns.
-- Written by: tool_calls_mv. Read by: metric_tool_usage, metric_human_escalation.
CREATE TABLE IF NOT EXISTS {database}.tool_calls
(
    -- The name trimmed and lower-cased, as escalation_tools compares it.
    `tool_key` LowCardinality(String) CODEC(ZSTD(1)),
    `day` Int32 CODEC(Delta(4), ZSTD(1)),
    -- sipHash64 of the conversation id.
    `conversation_key` UInt64 CODEC(ZSTD(1)),
    -- sipHash64 of trace id and span id.
    `call_key` UInt64 CODEC(ZSTD(1)),
    `started_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    -- As sent; unknown where there is none.
    `tool` LowCardinality(String) CODEC(ZSTD(1)),
    `duration_ns` UInt64 CODEC(T64, ZSTD(1)),
    `is_error` Bool CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
-- By month, modulo eight years, as in otel_traces.
PARTITION BY toYYYYMM(toDate32(day)) % 800
ORDER BY (tool_key, day, conversation_key, call_key)
SETTINGS min_age_to_force_merge_seconds = 3600, min_age_to_force_merge_on_partition_only = 1;
