-- Traces that spans of others arrived for: what derivation_due_mv and derived_conversations_mv look at next. Kept for two days.
-- Grain: one row per trace and inserted block.
--
-- Written by: touched_traces_mv, touched_by_settings_mv. Read by: derivation_due_mv, derived_until_mv, derived_conversations_mv.
CREATE TABLE IF NOT EXISTS {database}.touched_traces
(
    `touched_at` DateTime64(3, 'UTC') COMMENT 'When the block was inserted; after a setting changed, when it is its turn' CODEC(Delta(8), ZSTD(1)),
    `trace_key` UInt64 COMMENT 'sipHash64 of the trace id' CODEC(ZSTD(1))
)
ENGINE = MergeTree
ORDER BY touched_at
TTL toDateTime(touched_at, 'UTC') + toIntervalDay(2);
