-- What is known of a conversation only from whole traces: exchanges of other SDKs, and spans that carry no conversation id.
-- Grain: one row per conversation with such spans, after merging; the latest version counts. A row with conversation_key 0 says up to when everything was looked at. Units: times in ms since 1970.
--
-- Written by: derived_conversations_mv, derived_until_mv. Read by: derived_days_mv, trace_owners_mv, resolved_conversations, messages_v.
CREATE TABLE IF NOT EXISTS {database}.derived_conversations
(
    `conversation_key` UInt64 COMMENT 'sipHash64 of the conversation id' CODEC(ZSTD(1)),
    `version` UInt64 COMMENT 'When it was derived, ms since 1970' CODEC(ZSTD(1)),
    `conversation_id` String COMMENT 'Its id' CODEC(ZSTD(1)),
    `derivation` Enum8('none' = 0, 'marked' = 1, 'derived' = 2) COMMENT 'Where its messages come from: none are here, marked exchanges, derived exchanges' CODEC(ZSTD(1)),
    `messages` Array(Tuple(at_ms Int64, by_agent Bool, message_key UInt64, trace_id String, span_ids Array(String), content String)) COMMENT 'Messages; the spans that may have the text, the best first; the text where one has it' CODEC(ZSTD(1)),
    `messages_service` String COMMENT 'That recorded the messages: of its latest exchange' CODEC(ZSTD(1)),
    `traces` Array(UInt64) COMMENT 'Keys of the traces whose spans without an id are its' CODEC(ZSTD(1)),
    `gone_days` Array(Int32) COMMENT 'Days that had messages in the version before, and have none now' CODEC(ZSTD(1)),
    `first_service` String COMMENT 'From its spans without an id: as in conversation_days' CODEC(ZSTD(1)),
    `first_environment` String COMMENT 'As first_service' CODEC(ZSTD(1)),
    `first_device` String COMMENT 'As first_service' CODEC(ZSTD(1)),
    `first_source` String COMMENT 'As first_service' CODEC(ZSTD(1)),
    `first_language` String COMMENT 'As first_service' CODEC(ZSTD(1)),
    `first_country` String COMMENT 'As first_service' CODEC(ZSTD(1)),
    `last_customer` String COMMENT 'As first_service' CODEC(ZSTD(1)),
    `opened_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'First visit of a span without an id' CODEC(ZSTD(1)),
    `started_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'First thing that engages, of its messages and spans without an id' CODEC(ZSTD(1)),
    `explicit_end_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Last explicit end of a span without an id' CODEC(ZSTD(1)),
    `last_activity_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'End of the last activity, of its messages and spans without an id' CODEC(ZSTD(1)),
    `first_message` UInt64 COMMENT 'As in conversations, of its messages' CODEC(ZSTD(1)),
    `last_message` UInt64 COMMENT 'As in conversations, of its messages' CODEC(ZSTD(1)),
    `robot` UInt8 COMMENT 'Whether a span without an id marks it as a robot\'s' CODEC(ZSTD(1)),
    `tools` Array(UInt64) COMMENT 'sipHash64 of the key of each tool that spans without an id called' CODEC(ZSTD(1)),
    `days` Array(Int32) COMMENT 'Days since 1970 (UTC) on which its messages and spans without an id lie, or lay by an earlier version' CODEC(ZSTD(1)),
    `last_name` String DEFAULT '' COMMENT 'As in conversations; always empty' CODEC(ZSTD(1)),
    `last_marked` String DEFAULT '' COMMENT 'As in conversations; always empty' CODEC(ZSTD(1)),
    `last_deleted` String DEFAULT '' COMMENT 'As in conversations; always empty' CODEC(ZSTD(1)),
    `content_hash` UInt64 COMMENT 'Of all of this: what did not change is not written again' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY conversation_key
SETTINGS index_granularity = 1024;
