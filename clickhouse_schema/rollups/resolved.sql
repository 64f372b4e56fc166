-- Conversations resolved: what resolved_mv makes of conversations and their messages, so that a query need not.
-- Grain: one row per conversation and day on which it was active, after merging; and one row that says until when of
-- this server's time touched conversations are in here (its day is 2147483647, its key 0, its version that time).
-- Units: times and durations in ms, NULL where there is none.
--
-- Written by: resolved_mv, resolved_again_mv. Read by: every metric, for all conversations but those that were touched since.
CREATE TABLE IF NOT EXISTS {database}.resolved
(
    `day` Int32 COMMENT 'Days since 1970 (UTC)' CODEC(Delta(4), ZSTD(1)),
    `conversation_key` UInt64 COMMENT 'sipHash64 of the conversation id' CODEC(ZSTD(1)),
    `service` LowCardinality(String) COMMENT 'ServiceName of its earliest span' CODEC(ZSTD(1)),
    `environment` LowCardinality(String) COMMENT 'unknown where none is given' CODEC(ZSTD(1)),
    `device` LowCardinality(String) COMMENT 'unknown where none is given' CODEC(ZSTD(1)),
    `source` LowCardinality(String) COMMENT 'unknown where none is given' CODEC(ZSTD(1)),
    `language` LowCardinality(String) COMMENT 'unknown where none is given' CODEC(ZSTD(1)),
    `country` LowCardinality(String) COMMENT 'unknown where none is given' CODEC(ZSTD(1)),
    `excluded` UInt8 COMMENT 'Whether it counts nowhere: a robot\'s, or erased' CODEC(ZSTD(1)),
    `seen` UInt8 COMMENT 'Whether it was ever visited or engaged' CODEC(ZSTD(1)),
    `engaged` UInt8 COMMENT 'Whether it was ever engaged' CODEC(ZSTD(1)),
    `first_seen_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Opened or engaged, whichever is earlier; NULL but on that day' CODEC(ZSTD(1)),
    `started_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'First engaged; NULL but on that day' CODEC(ZSTD(1)),
    `duration_ms` Nullable(Int64) COMMENT 'From start to end; NULL but on the day of the start' CODEC(ZSTD(1)),
    `customer_key` UInt64 COMMENT 'sipHash64 of the customer, 0 where there is none; 0 but on the day of the start' CODEC(ZSTD(1)),
    `tools` Array(UInt64) COMMENT 'sipHash64 of the key of each tool called; empty but on the day of the start' CODEC(ZSTD(1)),
    `messages` Array(UInt32) COMMENT 'Each message of the day: ms since its midnight (UTC), times two, one more where the agent sent it; sorted' CODEC(T64, ZSTD(1)),
    `answers` Array(UInt32) COMMENT 'When agents answered a run of user messages, ms since the day\'s midnight' CODEC(T64, ZSTD(1)),
    `waits` Array(UInt32) COMMENT 'Of each answer, the ms since its run began' CODEC(T64, ZSTD(1)),
    `unanswered` Array(UInt32) COMMENT 'When runs began that were not answered within 24 h, ms since the day\'s midnight' CODEC(T64, ZSTD(1)),
    `feedback` Array(UInt32) COMMENT 'Each feedback of the day that counts: ms since midnight times 4, and 1 where it is positive, 2 neutral, 3 negative; in the order of time, trace id and span id' CODEC(T64, ZSTD(1)),
    `version` UInt64 COMMENT 'ms since 1970 at which it was resolved' CODEC(ZSTD(1)),
    `is_deleted` UInt8 DEFAULT 0 COMMENT 'Whether the row is to go' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version, is_deleted)
-- The row that says until when has a partition of its own, so that it keeps no week from being merged.
PARTITION BY if(day = 2147483647, 16, {week_of_day})
ORDER BY (day, conversation_key)
SETTINGS min_age_to_force_merge_seconds = 3600, min_age_to_force_merge_on_partition_only = 1;
