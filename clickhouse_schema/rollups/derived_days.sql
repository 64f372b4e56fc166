-- Messages that are derived from spans of other SDKs, or come from spans without a conversation id, day by day: as in conversation_days, but replaced as a whole when they are derived anew.
-- Grain: one row per UTC day and conversation, after merging. Units: day = days since 1970 (UTC).
--
-- Written by: derived_days_mv. Read by: what reads conversation_days.
CREATE TABLE IF NOT EXISTS {database}.derived_days
(
    `day` Int32 COMMENT 'Days since 1970 (UTC)' CODEC(Delta(4), ZSTD(1)),
    `conversation_key` UInt64 COMMENT 'sipHash64 of the conversation id' CODEC(ZSTD(1)),
    `version` UInt64 COMMENT 'When it was derived, ms since 1970' CODEC(ZSTD(1)),
    `is_deleted` UInt8 COMMENT '1 where a later derivation finds no message on that day' CODEC(ZSTD(1)),
    `messages` Array(UInt64) COMMENT 'As in conversation_days' CODEC(T64, ZSTD(1))
)
ENGINE = ReplacingMergeTree(version, is_deleted)
PARTITION BY {week_of_day}
ORDER BY (day, conversation_key)
SETTINGS min_age_to_force_merge_seconds = 3600, min_age_to_force_merge_on_partition_only = 1;
