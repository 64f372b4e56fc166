-- The traces whose spans name a conversation: trace_claims the other way round, but for the trace that a conversation has by its id alone.
-- Grain: one row per conversation and trace, after merging.
--
-- Written by: conversation_traces_mv. Read by: derivation_due_mv, derived_until_mv, derived_conversations_mv.
CREATE TABLE IF NOT EXISTS {database}.conversation_traces
(
    `conversation_key` UInt64 COMMENT 'sipHash64 of the conversation id' CODEC(ZSTD(1)),
    `trace_key` UInt64 COMMENT 'sipHash64 of the trace id' CODEC(ZSTD(1)),
    `seen_on` Date COMMENT 'Day of the last insert that spoke of it' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(seen_on)
ORDER BY (conversation_key, trace_key)
SETTINGS index_granularity = 1024;
