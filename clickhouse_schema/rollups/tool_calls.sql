-- Tool calls.
-- Grain: one row per tool call; a span sent twice merges into one row.
-- Units: day = days since 1970 (UTC) on which the call started; duration in ns.
--
-- Written by: tool_calls_mv. Read by: counted_tool_calls.
CREATE TABLE IF NOT EXISTS {database}.tool_calls
(
    `tool_key` LowCardinality(String) COMMENT 'The name trimmed and lower-cased, as escalation_tools compares it' CODEC(ZSTD(1)),
    `day` Int32 COMMENT 'Days since 1970 (UTC) on which the call started' CODEC(Delta(4), ZSTD(1)),
    `conversation_key` UInt64 COMMENT 'sipHash64 of the conversation id; 0 where the span has none: then trace_owners may know it' CODEC(ZSTD(1)),
    `trace_key` UInt64 COMMENT 'sipHash64 of the trace id where the span has no conversation id; else 0' CODEC(ZSTD(1)),
    `call_key` UInt64 COMMENT 'sipHash64 of trace id and span id' CODEC(ZSTD(1)),
    `started_at` DateTime64(3, 'UTC') COMMENT 'When' CODEC(Delta(8), ZSTD(1)),
    `tool` LowCardinality(String) COMMENT 'As sent; unknown where there is none' CODEC(ZSTD(1)),
    `duration_ns` UInt64 COMMENT 'ns; 0 where the span ends before it starts' CODEC(T64, ZSTD(1)),
    `is_error` Bool COMMENT 'Whether the call failed' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY {week_of_day}
ORDER BY (tool_key, day, conversation_key, call_key)
SETTINGS min_age_to_force_merge_seconds = 3600, min_age_to_force_merge_on_partition_only = 1;
