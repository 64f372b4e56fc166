-- What is known of a conversation over its whole life.
-- Grain: one row per conversation, after merging; before it, one per inserted block. Every column merges idempotently
-- and in any order (min, max, set union), so late, reordered, split and repeated spans converge.
-- Units: times in ms, NULL where there is none.
--
-- Written by: conversations_mv, conversations_merged_mv. Read by: resolved_conversations, resolved_mv, and every metric for the conversations that
-- resolved does not know yet.
--
-- A stamped value is 8 bytes of time (ms since 1970, sign flipped, big-endian) followed by the value. Compared as
-- bytes, the smallest is the first in time and the largest the last, ties broken by the value itself.
-- Where there is no value, first-of columns hold 'unknown' stamped as later than all, and last-of columns ''.
CREATE TABLE IF NOT EXISTS {database}.conversations
(
    `conversation_key` UInt64 COMMENT 'sipHash64 of the conversation id' CODEC(ZSTD(1)),
    `conversation_id` SimpleAggregateFunction(min, String) COMMENT 'As sent' CODEC(ZSTD(1)),
    `first_service` SimpleAggregateFunction(min, String) COMMENT 'Stamped: of the earliest span' CODEC(ZSTD(1)),
    `first_environment` SimpleAggregateFunction(min, String) COMMENT 'Stamped: the first that is given' CODEC(ZSTD(1)),
    `first_device` SimpleAggregateFunction(min, String) COMMENT 'Stamped: the first that is given, lower-cased' CODEC(ZSTD(1)),
    `first_source` SimpleAggregateFunction(min, String) COMMENT 'Stamped: the first that is given, lower-cased' CODEC(ZSTD(1)),
    `first_language` SimpleAggregateFunction(min, String) COMMENT 'Stamped: the first that is given, primary subtag' CODEC(ZSTD(1)),
    `first_country` SimpleAggregateFunction(min, String) COMMENT 'Stamped: the first that is given, ISO 3166-1 alpha-2' CODEC(ZSTD(1)),
    `last_customer` SimpleAggregateFunction(max, String) COMMENT 'Stamped: the last that is given' CODEC(ZSTD(1)),
    `last_name` SimpleAggregateFunction(max, String) COMMENT 'Stamped: the last that is given; one that people gave later (conversation_updated) counts as younger than all that spans bear' CODEC(ZSTD(1)),
    `last_marked` SimpleAggregateFunction(max, String) COMMENT 'Stamped: true or false, as last updated' CODEC(ZSTD(1)),
    `last_deleted` SimpleAggregateFunction(max, String) COMMENT 'Stamped: true or false, as last updated' CODEC(ZSTD(1)),
    `opened_at` SimpleAggregateFunction(min, Nullable(DateTime64(3, 'UTC'))) COMMENT 'The first conversation_opened: a visit' CODEC(ZSTD(1)),
    `started_at` SimpleAggregateFunction(min, Nullable(DateTime64(3, 'UTC'))) COMMENT 'The first thing that engages: conversation_changes_mv says what does' CODEC(ZSTD(1)),
    `explicit_end_at` SimpleAggregateFunction(max, Nullable(DateTime64(3, 'UTC'))) COMMENT 'The last explicit end' CODEC(ZSTD(1)),
    `last_activity_at` SimpleAggregateFunction(max, Nullable(DateTime64(3, 'UTC'))) COMMENT 'The end of the last activity' CODEC(ZSTD(1)),
    `first_message` SimpleAggregateFunction(min, UInt64) COMMENT 'The first message, as macros_of_messages.sql makes it comparable over days; 18446744073709551615 where there is none' CODEC(ZSTD(1)),
    `last_message` SimpleAggregateFunction(max, UInt64) COMMENT 'The last message, made comparable; 0 where there is none' CODEC(ZSTD(1)),
    `robot` SimpleAggregateFunction(max, UInt8) COMMENT 'Whether a span marks it as a robot\'s' CODEC(ZSTD(1)),
    `tools` SimpleAggregateFunction(groupUniqArrayArray, Array(UInt64)) COMMENT 'sipHash64 of the key of each tool called' CODEC(ZSTD(1)),
    `days` SimpleAggregateFunction(groupUniqArrayArray, Array(Int32)) COMMENT 'Days since 1970 (UTC) on which a span starts or a message lies' CODEC(ZSTD(1)),
    `changed_on` SimpleAggregateFunction(max, Date) COMMENT 'Day of the last insert that spoke of it' CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
ORDER BY conversation_key
-- Conversations are looked up by the hundred.
SETTINGS index_granularity = 512, min_age_to_force_merge_seconds = 3600, min_age_to_force_merge_on_partition_only = 1;
