-- Conversations, for your own SQL.
-- Grain: one row per conversation. Units: times UTC to the ms, duration in seconds; NULL where there is none.
-- A filter on conversation_key = sipHash64('the id') is quick, one on conversation_id reads all conversations.
-- device, source, language, country and environment are unknown where never given; customer_id and name are ''.
CREATE OR REPLACE VIEW {database}.conversations_v
(
    `conversation_id` String COMMENT 'The conversation',
    `service` String COMMENT 'ServiceName of its earliest span',
    `environment` String COMMENT 'The first given; unknown where none is',
    `device` String COMMENT 'The first given, lower-cased; unknown where none is',
    `source` String COMMENT 'The first given, lower-cased; unknown where none is',
    `language` String COMMENT 'Primary subtag of the first given; unknown where none is',
    `country` String COMMENT 'ISO 3166-1 alpha-2, the first given; unknown where none is',
    `customer_id` String COMMENT 'The last given; empty where none is',
    `name` String COMMENT 'The last given; empty where none is',
    `marked` UInt8 COMMENT 'Whether people marked it',
    `deleted` UInt8 COMMENT 'Whether people deleted it',
    `robot` UInt8 COMMENT 'Whether it is a robot\'s: then it counts in no metric',
    `first_seen_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Opened or engaged, whichever is earlier',
    `started_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'First engaged; NULL where it never was',
    `ended_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'The last explicit end or the end of the last activity, whichever is later',
    `explicitly_ended` UInt8 COMMENT 'Whether it was said to have ended',
    `messages` UInt64 COMMENT 'Number of messages',
    `user_messages` UInt64 COMMENT 'Those of the end user',
    `agent_messages` UInt64 COMMENT 'Those of the agent',
    `duration_s` Nullable(Float64) COMMENT 'From start to end; NULL without explicit end and with fewer than two messages',
    `conversation_key` UInt64 COMMENT 'sipHash64 of the conversation id; a filter on it is quick',
    `messages_derived` UInt8 COMMENT '1 where the messages are derived from spans of another SDK, 0 where they were recorded or marked',
    `model_calls` UInt64 COMMENT 'Calls of models, each once',
    `input_tokens` UInt64 COMMENT 'Of those, cached ones included',
    `output_tokens` UInt64 COMMENT 'Of those, those of reasoning included',
    `cost` Nullable(Float64) COMMENT 'Of those, in currency; NULL where model_prices has no price for one of them, or prices in several currencies',
    `currency` String COMMENT 'Empty where there is no cost'
) AS
SELECT
    {conversation_columns},
    messages_derived,
    used.calls AS model_calls,
    used.input AS input_tokens,
    used.output AS output_tokens,
    used.cost AS cost,
    used.currency AS currency
FROM {database}.resolved_conversations
LEFT JOIN {database}.conversation_model_usage AS used USING conversation_key;
