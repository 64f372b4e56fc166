-- Which conversations spans arrived for, and when: what resolved may not know yet.
-- Grain: one row per inserted block, conversation and trace, for a week.
--
-- Written by: touched_mv, touched_by_derivation_mv. Read by: resolved_mv, the derivation, and every metric.
CREATE TABLE IF NOT EXISTS {database}.touched
(
    `touched_at` DateTime('UTC') COMMENT 'When the block was written, by this server\'s clock' CODEC(Delta(4), ZSTD(1)),
    `conversation_key` UInt64 COMMENT 'sipHash64 of the conversation id' CODEC(ZSTD(1)),
    `trace_key` UInt64 COMMENT 'sipHash64 of the trace id; 0 where it was derived anew' CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(touched_at, 'UTC')
ORDER BY touched_at
TTL touched_at + INTERVAL 7 DAY
SETTINGS ttl_only_drop_parts = 1, index_granularity = 1024;
