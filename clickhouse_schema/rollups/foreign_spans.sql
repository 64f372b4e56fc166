-- Spans that were not recorded by this product's SDK, or carry no conversation id, or are marked as an exchange: what the derivation of conversations from them looks at.
-- Grain: one row per span; one sent twice merges into one row. Units: times in µs since 1970.
--
-- Written by: foreign_spans_mv. Read by: derivation_due_mv, derived_until_mv, derived_conversations_mv.
CREATE TABLE IF NOT EXISTS {database}.foreign_spans
(
    `trace_key` UInt64 COMMENT 'sipHash64 of the trace id' CODEC(ZSTD(1)),
    `span_key` UInt64 COMMENT 'sipHash64 of trace id and span id' CODEC(ZSTD(1)),
    `trace_id` String COMMENT 'Lower-case hex' CODEC(ZSTD(1)),
    `span_id` String COMMENT 'Lower-case hex' CODEC(ZSTD(1)),
    `parent_span_id` String COMMENT 'Empty for a root' CODEC(ZSTD(1)),
    `conversation_id` String COMMENT 'As the span itself says; empty where it says nothing' CODEC(ZSTD(1)),
    `role` Enum8('tool' = 0, 'model' = 1, 'agent' = 2, 'chain' = 3, 'other' = 4) COMMENT 'What it is' CODEC(ZSTD(1)),
    `start_us` Int64 COMMENT 'Its start' CODEC(Delta(8), ZSTD(1)),
    `end_us` Int64 COMMENT 'Its end; its start where it ends before that' CODEC(Delta(8), ZSTD(1)),
    `duration_ns` UInt64 COMMENT 'ns' CODEC(T64, ZSTD(1)),
    `name` LowCardinality(String) COMMENT 'Of the agent, chain or model call' CODEC(ZSTD(1)),
    `tool` LowCardinality(String) COMMENT 'Of a tool call; empty for others' CODEC(ZSTD(1)),
    `failed` Bool COMMENT 'Whether it failed' CODEC(ZSTD(1)),
    `wants_tool` Bool COMMENT 'Whether the model asked for a tool' CODEC(ZSTD(1)),
    `has_input` Bool COMMENT 'Whether it shows what went in' CODEC(ZSTD(1)),
    `has_output` Bool COMMENT 'Whether it shows what came out' CODEC(ZSTD(1)),
    `answered` Bool COMMENT 'Whether it shows any sign of a response' CODEC(ZSTD(1)),
    `guardrail` Bool COMMENT 'Whether a guardrail ended it, which is an answer' CODEC(ZSTD(1)),
    `marked` Bool COMMENT 'Whether its sender marked it as an exchange' CODEC(ZSTD(1)),
    `service` LowCardinality(String) COMMENT 'service.name' CODEC(ZSTD(1)),
    `environment` LowCardinality(String) COMMENT 'Empty where there is none' CODEC(ZSTD(1)),
    `device` LowCardinality(String) COMMENT 'Empty where there is none' CODEC(ZSTD(1)),
    `source` LowCardinality(String) COMMENT 'Empty where there is none' CODEC(ZSTD(1)),
    `language` LowCardinality(String) COMMENT 'Empty where there is none' CODEC(ZSTD(1)),
    `country` LowCardinality(String) COMMENT 'Empty where there is none' CODEC(ZSTD(1)),
    `customer_id` String COMMENT 'Empty where there is none' CODEC(ZSTD(1)),
    `kind` LowCardinality(String) COMMENT 'agentsight.span.kind; empty on third-party spans' CODEC(ZSTD(1)),
    `opens` Bool COMMENT 'Whether it is a visit' CODEC(ZSTD(1)),
    `starts` Bool COMMENT 'Whether it engages the conversation' CODEC(ZSTD(1)),
    `is_tool_call` Bool COMMENT 'Whether it counts as a tool call' CODEC(ZSTD(1)),
    `robot` Bool COMMENT 'Whether it marks its conversation as a robot\'s' CODEC(ZSTD(1)),
    `ends` Bool COMMENT 'Whether it ends the conversation explicitly' CODEC(ZSTD(1)),
    `input_text` String COMMENT 'The user\'s last message in its input, where it shows one; cut at 16,384 bytes' CODEC(ZSTD(1)),
    `output_text` String COMMENT 'The agent\'s reply in its output, where it shows one; cut at 16,384 bytes' CODEC(ZSTD(1)),
    `messages` Array(Tuple(at_ms Int64, by_agent Bool, message_key UInt64, content String)) COMMENT 'Its message events' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
-- By trace alone: what is derived needs whole traces, however long they last.
ORDER BY (trace_key, span_key)
SETTINGS index_granularity = 1024;
