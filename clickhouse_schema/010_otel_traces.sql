-- Spans as the OpenTelemetry Collector's ClickHouse exporter writes them (create_schema: false).
-- Grain: one row per span received; a span sent twice is here twice, and counts once in everything derived.
-- Units: Timestamp = start of the span (UTC, ns); Duration = ns, a span that ends before it starts underflows.
-- Written by: the collector, the direct exporter, any other OTLP-to-ClickHouse writer with these columns.
-- Read by: the materialised views below, the grain views messages_v, tool_calls_v and feedback_v, trace pages.
--
-- The columns from ConversationId on are derived here, once, for everything below: the accepted dialects
-- (first non-empty wins, left to right) are resolved nowhere else. ALIAS columns take no space.
CREATE TABLE IF NOT EXISTS {database}.otel_traces
(
    `Timestamp` DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `TraceId` String CODEC(ZSTD(1)),
    `SpanId` String CODEC(ZSTD(1)),
    `ParentSpanId` String CODEC(ZSTD(1)),
    `TraceState` String CODEC(ZSTD(1)),
    `SpanName` LowCardinality(String) CODEC(ZSTD(1)),
    `SpanKind` LowCardinality(String) CODEC(ZSTD(1)),
    `ServiceName` LowCardinality(String) CODEC(ZSTD(1)),
    `ResourceAttributes` Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    `ScopeName` String CODEC(ZSTD(1)),
    `ScopeVersion` String CODEC(ZSTD(1)),
    `SpanAttributes` Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    `Duration` UInt64 CODEC(ZSTD(1)),
    `StatusCode` LowCardinality(String) CODEC(ZSTD(1)),
    `StatusMessage` String CODEC(ZSTD(1)),
    `Events.Timestamp` Array(DateTime64(9, 'UTC')) CODEC(ZSTD(1)),
    `Events.Name` Array(LowCardinality(String)) CODEC(ZSTD(1)),
    `Events.Attributes` Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    `Links.TraceId` Array(String) CODEC(ZSTD(1)),
    `Links.SpanId` Array(String) CODEC(ZSTD(1)),
    `Links.TraceState` Array(String) CODEC(ZSTD(1)),
    `Links.Attributes` Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),

    -- '' where the span belongs to no conversation.
    `ConversationId` String MATERIALIZED multiIf(
        SpanAttributes['gen_ai.conversation.id'] != '', SpanAttributes['gen_ai.conversation.id'],
        SpanAttributes['agentsight.conversation.id'] != '', SpanAttributes['agentsight.conversation.id'],
        SpanAttributes['session.id'] != '', SpanAttributes['session.id'],
        SpanAttributes['traceloop.association.properties.session_id']) CODEC(ZSTD(1)),
    -- Whether metrics may count it: a conversation id and both span ids (all zeros is OTLP's "no id").
    `IsCounted` Bool ALIAS ConversationId != '' AND TraceId NOT IN ('', '00000000000000000000000000000000')
        AND SpanId NOT IN ('', '0000000000000000'),
    -- conversation, turn, tool, task, llm, button, attachment, feedback; '' on third-party spans.
    `AgentKind` String ALIAS SpanAttributes['agentsight.span.kind'],
    `CustomerId` String ALIAS multiIf(
        SpanAttributes['user.id'] != '', SpanAttributes['user.id'],
        SpanAttributes['agentsight.conversation.customer_id'] != '', SpanAttributes['agentsight.conversation.customer_id'],
        SpanAttributes['traceloop.association.properties.user_id'] != '', SpanAttributes['traceloop.association.properties.user_id'],
        SpanAttributes['traceloop.association.properties.customer_id']),
    `ClientAddress` String ALIAS if(
        SpanAttributes['client.address'] != '', SpanAttributes['client.address'],
        SpanAttributes['agentsight.conversation.customer_ip']),
    `Country` String ALIAS upper(if(
        SpanAttributes['geo.country.iso_code'] != '', SpanAttributes['geo.country.iso_code'],
        SpanAttributes['geo.country_iso_code'])),
    `Environment` String ALIAS multiIf(
        SpanAttributes['deployment.environment.name'] != '', SpanAttributes['deployment.environment.name'],
        SpanAttributes['agentsight.conversation.environment'] != '', SpanAttributes['agentsight.conversation.environment'],
        ResourceAttributes['deployment.environment.name'] != '', ResourceAttributes['deployment.environment.name'],
        ResourceAttributes['deployment.environment']),
    `Device` String ALIAS lowerUTF8(SpanAttributes['agentsight.conversation.device']),
    `Source` String ALIAS lowerUTF8(SpanAttributes['agentsight.conversation.source']),
    -- The primary subtag of the BCP-47 tag: en for en-US and for en_US.
    `Language` String ALIAS lower(extract(SpanAttributes['agentsight.conversation.language'], '^[^-_]*')),
    `IsToolCall` Bool ALIAS SpanAttributes['agentsight.span.kind'] = 'tool'
        OR SpanAttributes['gen_ai.operation.name'] = 'execute_tool'
        OR SpanAttributes['openinference.span.kind'] = 'TOOL'
        OR SpanAttributes['traceloop.span.kind'] = 'tool',
    `ToolName` String ALIAS multiIf(
        SpanAttributes['gen_ai.tool.name'] != '', SpanAttributes['gen_ai.tool.name'],
        SpanAttributes['agentsight.tool.name'] != '', SpanAttributes['agentsight.tool.name'],
        SpanAttributes['tool.name'] != '', SpanAttributes['tool.name'],
        SpanAttributes['traceloop.span.kind'] = 'tool' AND SpanAttributes['traceloop.entity.name'] != '', SpanAttributes['traceloop.entity.name'],
        'unknown'),
    `IsError` Bool ALIAS StatusCode IN ('Error', 'STATUS_CODE_ERROR'),
    -- ns; 0 where the span ends before it starts.
    `DurationNs` UInt64 ALIAS if(Duration >= 9223372036854775808, 0, Duration),
    -- ms since 1970, rounded down also before 1970.
    `StartMs` Int64 ALIAS intDiv(toUnixTimestamp64Nano(Timestamp) - positiveModulo(toUnixTimestamp64Nano(Timestamp), 1000000), 1000000),
    `EndMs` Int64 ALIAS StartMs + toInt64(intDiv(positiveModulo(toUnixTimestamp64Nano(Timestamp), 1000000) + DurationNs, 1000000)),

    INDEX trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX time Timestamp TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
-- By month, modulo eight years: one insert can never touch more than 96 partitions, whatever times its spans bear.
-- ClickHouse refuses an insert into more than 100, and a collector would then retry that batch for ever.
PARTITION BY toYYYYMM(Timestamp, 'UTC') % 800
ORDER BY (ConversationId, Timestamp)
SETTINGS merge_with_ttl_timeout = 86400;
