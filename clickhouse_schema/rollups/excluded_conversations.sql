-- Conversations that count nowhere.
-- Grain: one row per conversation and reason, after merging; and one per trace of the erased.
--
-- Written by: robots_mv, erasure. Read by: every metric.
CREATE TABLE IF NOT EXISTS {database}.excluded_conversations
(
    `conversation_key` UInt64 COMMENT 'sipHash64 of the conversation id, or of the trace id of erased_trace' CODEC(ZSTD(1)),
    `reason` LowCardinality(String) COMMENT 'robot: a span says so; erased: it was erased, and what of it arrives later counts no more; erased_trace: its spans that name no conversation were erased, too' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (reason, conversation_key);
