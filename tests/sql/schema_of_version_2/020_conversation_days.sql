-- What the metrics need to know of a conversation, day by day.
-- Grain: one row per UTC day and conversation, after merging; before it, one per insert. Every column merges
-- idempotently and in any order (min, max, set union), so late, reordered, split and repeated spans converge.
-- Units: day = days since 1970 (UTC); times in ms, NULL where there is none.
-- Written by: conversation_days_mv. Read by: resolved_conversations, window_messages, metric_agent_response_time.
--
-- A stamped value is 8 bytes of time (ms since 1970, sign flipped, big-endian) followed by the value. Compared as
-- bytes, the smallest is the first in time and the largest the last, ties broken by the value itself.
-- First-of columns hold '\xFF' and last-of columns '' where there is no value.
CREATE TABLE IF NOT EXISTS {database}.conversation_days
(
    `day` Int32 CODEC(Delta(4), ZSTD(1)),
    -- sipHash64 of the conversation id.
    `conversation_key` UInt64 CODEC(ZSTD(1)),
    `conversation_id` SimpleAggregateFunction(min, String) CODEC(ZSTD(1)),
    `first_service` SimpleAggregateFunction(min, String) CODEC(ZSTD(1)),
    `first_environment` SimpleAggregateFunction(min, String) CODEC(ZSTD(1)),
    `first_device` SimpleAggregateFunction(min, String) CODEC(ZSTD(1)),
    `first_source` SimpleAggregateFunction(min, String) CODEC(ZSTD(1)),
    `first_language` SimpleAggregateFunction(min, String) CODEC(ZSTD(1)),
    `first_country` SimpleAggregateFunction(min, String) CODEC(ZSTD(1)),
    `last_customer` SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
    `last_name` SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
    -- The first conversation_opened: a visit.
    `opened_at` SimpleAggregateFunction(min, Nullable(DateTime64(3, 'UTC'))) CODEC(Delta(8), ZSTD(1)),
    -- The first thing that engages.
    `started_at` SimpleAggregateFunction(min, Nullable(DateTime64(3, 'UTC'))) CODEC(Delta(8), ZSTD(1)),
    -- The last explicit end.
    `explicit_end_at` SimpleAggregateFunction(max, Nullable(DateTime64(3, 'UTC'))) CODEC(Delta(8), ZSTD(1)),
    -- The end of the last activity.
    `last_activity_at` SimpleAggregateFunction(max, Nullable(DateTime64(3, 'UTC'))) CODEC(Delta(8), ZSTD(1)),
    -- The set of the day's messages, each in 64 bits: ms of the day (27) | sent by the agent (1) | hash of trace id,
    -- span id and position among the span's events, lowest bit set (36). As numbers they sort by time, at equal
    -- times the end user's first.
    `messages` SimpleAggregateFunction(groupUniqArrayArray, Array(UInt64)) CODEC(T64, ZSTD(1)),
    -- The smallest and the largest of them: 18446744073709551615 and 0 where there is none.
    `first_message` SimpleAggregateFunction(min, UInt64) CODEC(ZSTD(1)),
    `last_message` SimpleAggregateFunction(max, UInt64) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
-- By month, modulo eight years, as in otel_traces.
PARTITION BY toYYYYMM(toDate32(day)) % 800
ORDER BY (day, conversation_key)
SETTINGS min_age_to_force_merge_seconds = 3600, min_age_to_force_merge_on_partition_only = 1;
