-- Which conversations the spans of a trace name. A span without an id belongs to that of the trace's earliest span with one.
-- Grain: one row per trace and conversation, after merging.
--
-- Written by: trace_claims_mv. Read by: derivation_due_mv, derived_until_mv, derived_conversations_mv.
CREATE TABLE IF NOT EXISTS {database}.trace_claims
(
    `trace_key` UInt64 COMMENT 'sipHash64 of the trace id' CODEC(ZSTD(1)),
    `conversation_key` UInt64 COMMENT 'sipHash64 of the conversation id' CODEC(ZSTD(1)),
    `first_claim` SimpleAggregateFunction(min, String) COMMENT 'Start of the earliest span that names it (8 bytes), its length (8 bytes, the longest first), and the conversation id' CODEC(ZSTD(1)),
    `seen_on` SimpleAggregateFunction(max, Date) COMMENT 'Day of the last insert that spoke of it' CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
ORDER BY (trace_key, conversation_key)
SETTINGS index_granularity = 1024;
