-- What one inserted block says of each of its conversations, on its way to the tables that keep it.
-- Grain: one row per inserted block, conversation and trace; nothing is stored here.
-- Units: times in ms, NULL where there is none; stamped values as in conversations.
--
-- Written by: conversation_changes_mv. Read by: conversations_mv, conversation_days_mv, touched_mv, robots_mv,
-- trace_claims_mv, conversation_traces_mv: spans are grouped once for all of them.
CREATE TABLE IF NOT EXISTS {database}.conversation_changes
(
    `conversation_key` UInt64 COMMENT 'sipHash64 of the conversation id',
    `conversation_id` String COMMENT 'As sent',
    `trace_key` UInt64 COMMENT 'sipHash64 of the trace id',
    `first_claim` String COMMENT 'As in trace_claims',
    `first_service` String COMMENT 'Stamped',
    `first_environment` String COMMENT 'Stamped',
    `first_device` String COMMENT 'Stamped',
    `first_source` String COMMENT 'Stamped',
    `first_language` String COMMENT 'Stamped',
    `first_country` String COMMENT 'Stamped',
    `last_customer` String COMMENT 'Stamped',
    `last_name` String COMMENT 'Stamped',
    `last_marked` String COMMENT 'Stamped',
    `last_deleted` String COMMENT 'Stamped',
    `opened_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'The first conversation_opened',
    `started_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'The first thing that engages',
    `explicit_end_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'The last explicit end',
    `last_activity_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'The end of the last activity',
    `robot` UInt8 COMMENT 'Whether a span marks it as a robot\'s',
    `tools` Array(UInt64) COMMENT 'sipHash64 of the key of each tool called',
    `span_days` Array(Int32) COMMENT 'Days on which its spans start',
    `message_days` Array(Int32) COMMENT 'Day of each message',
    `messages` Array(UInt64) COMMENT 'Each message, packed as macros_of_messages.sql says'
)
ENGINE = Null;
