-- Feedback that counts: from the customer, or from an unstated source, with one of the three sentiments.
-- Grain: one row per feedback span; a span sent twice merges into one row.
-- Units: day = days since 1970 (UTC).
--
-- Written by: feedback_mv. Read by: counted_feedback, resolved_mv, known_feedback.
CREATE TABLE IF NOT EXISTS {database}.feedback
(
    `day` Int32 COMMENT 'Days since 1970 (UTC) on which it was given' CODEC(Delta(4), ZSTD(1)),
    `conversation_key` UInt64 COMMENT 'sipHash64 of the conversation id; 0 where the span has none: then trace_owners may know it' CODEC(ZSTD(1)),
    `trace_key` UInt64 COMMENT 'sipHash64 of the trace id where the span has no conversation id; else 0' CODEC(ZSTD(1)),
    `given_at` DateTime64(3, 'UTC') COMMENT 'When' CODEC(Delta(8), ZSTD(1)),
    `trace_id` String COMMENT 'Of its span' CODEC(ZSTD(1)),
    `span_id` String COMMENT 'Of its span' CODEC(ZSTD(1)),
    `sentiment` LowCardinality(String) COMMENT 'positive, neutral or negative' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY {week_of_day}
ORDER BY (day, conversation_key, given_at, trace_id, span_id)
SETTINGS min_age_to_force_merge_seconds = 3600, min_age_to_force_merge_on_partition_only = 1;
