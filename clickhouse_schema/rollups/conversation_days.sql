-- The messages of a conversation, day by day.
-- Grain: one row per UTC day and conversation with messages, after merging; before it, one per inserted block.
-- Units: day = days since 1970 (UTC).
--
-- Written by: conversation_days_mv. Read by: known_messages, newly_resolved, known_days, known_responses.
CREATE TABLE IF NOT EXISTS {database}.conversation_days
(
    `day` Int32 COMMENT 'Days since 1970 (UTC)' CODEC(Delta(4), ZSTD(1)),
    `conversation_key` UInt64 COMMENT 'sipHash64 of the conversation id' CODEC(ZSTD(1)),
    `messages` SimpleAggregateFunction(groupUniqArrayArray, Array(UInt64)) COMMENT 'The set of the day\'s messages, packed as macros_of_messages.sql says: as numbers they sort by time, at equal times the end user\'s first' CODEC(T64, ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY {week_of_day}
ORDER BY (day, conversation_key)
SETTINGS min_age_to_force_merge_seconds = 3600, min_age_to_force_merge_on_partition_only = 1;
