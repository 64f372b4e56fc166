-- Which conversation the spans of a trace belong to that carry no conversation id.
-- Grain: one row per trace with such spans and a conversation, after merging; the latest version counts.
--
-- Written by: trace_owners_mv. Read by: what reads tool_calls, feedback and model_calls.
CREATE TABLE IF NOT EXISTS {database}.trace_owners
(
    `trace_key` UInt64 COMMENT 'sipHash64 of the trace id' CODEC(ZSTD(1)),
    `conversation_key` UInt64 COMMENT 'sipHash64 of the conversation id' CODEC(ZSTD(1)),
    `conversation_id` String COMMENT 'Its id' CODEC(ZSTD(1)),
    `version` UInt64 COMMENT 'When it was derived, ms since 1970' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY trace_key
SETTINGS index_granularity = 1024;
