-- Spans as the OpenTelemetry Collector's ClickHouse exporter writes them (create_schema: false).
-- Grain: one row per span received; a span sent twice is here twice, and counts once in everything derived.
-- Units: Timestamp = start of the span (UTC, ns); Duration = ns, a span that ends before it starts underflows.
--
-- Written by: the collector, the direct exporter, any other OTLP-to-ClickHouse writer with these columns.
-- Read by: the materialised views below, the grain views messages_v, tool_calls_v and feedback_v, trace pages.
--
-- The columns from ConversationId on are derived here, once, for everything below: the accepted dialects
-- (first non-empty wins, left to right) are resolved nowhere else. ALIAS columns take no space.
-- materialize keeps ClickHouse from reading a map's parts by themselves beside the map: it then misses them (26.9).
CREATE TABLE IF NOT EXISTS {database}.otel_traces
(
    `Timestamp` DateTime64(9, 'UTC') COMMENT 'Start of the span' CODEC(Delta(8), ZSTD(1)),
    `TraceId` String COMMENT 'Lower-case hex' CODEC(ZSTD(1)),
    `SpanId` String COMMENT 'Lower-case hex' CODEC(ZSTD(1)),
    `ParentSpanId` String COMMENT 'Empty for a root' CODEC(ZSTD(1)),
    `TraceState` String COMMENT 'W3C tracestate' CODEC(ZSTD(1)),
    `SpanName` LowCardinality(String) COMMENT 'Name of the span' CODEC(ZSTD(1)),
    `SpanKind` LowCardinality(String) COMMENT 'Internal, Server, Client, Producer, Consumer, Unspecified' CODEC(ZSTD(1)),
    `ServiceName` LowCardinality(String) COMMENT 'service.name of the resource' CODEC(ZSTD(1)),
    `ResourceAttributes` Map(LowCardinality(String), String) COMMENT 'Of what sent the span; all values as text' CODEC(ZSTD(1)),
    `ScopeName` String COMMENT 'Instrumentation library' CODEC(ZSTD(1)),
    `ScopeVersion` String COMMENT 'Its version' CODEC(ZSTD(1)),
    `SpanAttributes` Map(LowCardinality(String), String) COMMENT 'Attributes of the span; all values as text' CODEC(ZSTD(1)),
    `Duration` UInt64 COMMENT 'ns; underflows where the span ends before it starts' CODEC(ZSTD(1)),
    `StatusCode` LowCardinality(String) COMMENT 'Unset, Ok or Error' CODEC(ZSTD(1)),
    `StatusMessage` String COMMENT 'What the status says' CODEC(ZSTD(1)),
    `Events.Timestamp` Array(DateTime64(9, 'UTC')) COMMENT 'When each event happened' CODEC(ZSTD(1)),
    `Events.Name` Array(LowCardinality(String)) COMMENT 'Name of each event; agentsight.message is a message' CODEC(ZSTD(1)),
    `Events.Attributes` Array(Map(LowCardinality(String), String)) COMMENT 'Attributes of each event' CODEC(ZSTD(1)),
    `Links.TraceId` Array(String) COMMENT 'Trace of each linked span' CODEC(ZSTD(1)),
    `Links.SpanId` Array(String) COMMENT 'Each linked span' CODEC(ZSTD(1)),
    `Links.TraceState` Array(String) COMMENT 'W3C tracestate of each link' CODEC(ZSTD(1)),
    `Links.Attributes` Array(Map(LowCardinality(String), String)) COMMENT 'Attributes of each link' CODEC(ZSTD(1)),

    `ConversationId` String MATERIALIZED {conversation_id_of_span} COMMENT 'The conversation, in any accepted dialect; empty where the span names none' CODEC(ZSTD(1)),
    `SpanNames` Array(LowCardinality(String)) ALIAS mapKeys(materialize(SpanAttributes)) COMMENT 'Names of the attributes of the span',
    `SpanTexts` Array(String) ALIAS mapValues(materialize(SpanAttributes)) COMMENT 'Their values, in that order',
    `IsIgnored` Bool ALIAS {attribute('agentsight.ignore')} = 'true' OR materialize(ResourceAttributes)['agentsight.ignore'] = 'true' COMMENT 'Whether its sender wants it to count nowhere',
    `HasSpanId` Bool ALIAS TraceId NOT IN ('', '00000000000000000000000000000000') AND SpanId NOT IN ('', '0000000000000000') COMMENT 'Whether it has both span ids (all zeros is OTLP\'s "no id")',
    `IsCounted` Bool ALIAS ConversationId != '' AND HasSpanId AND NOT IsIgnored COMMENT 'Whether metrics may count it',
    `AgentKind` String ALIAS {attribute('agentsight.span.kind')} COMMENT 'conversation, turn, tool, task, llm, button, attachment, feedback; empty on third-party spans',
    `CustomerId` String ALIAS {first_of([{attribute('user.id')}, {attribute('agentsight.conversation.customer_id')}, {attribute('traceloop.association.properties.user_id')}, {attribute('traceloop.association.properties.customer_id')}, {attribute('langfuse.user.id')}, {attribute('ai.telemetry.metadata.userId')}, {attribute('ai.settings.context.userId')}, {attribute('langsmith.metadata.user_id')}])} COMMENT 'The customer, in any accepted dialect',
    `ClientAddress` String ALIAS if(
        {attribute('client.address')} != '', {attribute('client.address')},
        {attribute('agentsight.conversation.customer_ip')}) COMMENT 'The customer\'s address, in any accepted dialect',
    `Country` String ALIAS {country_code(if(
        {attribute('geo.country.iso_code')} != '', {attribute('geo.country.iso_code')},
        {attribute('geo.country_iso_code')}))} COMMENT 'ISO 3166-1 alpha-2; what is no country is kept, upper-cased',
    `Environment` String ALIAS multiIf(
        {attribute('deployment.environment.name')} != '', {attribute('deployment.environment.name')},
        {attribute('agentsight.conversation.environment')} != '', {attribute('agentsight.conversation.environment')},
        {attribute('langfuse.environment')} != '', {attribute('langfuse.environment')},
        materialize(ResourceAttributes)['deployment.environment.name'] != '', materialize(ResourceAttributes)['deployment.environment.name'],
        materialize(ResourceAttributes)['deployment.environment']) COMMENT 'Of the conversation, else of the deployment',
    `Device` String ALIAS lowerUTF8({attribute('agentsight.conversation.device')}) COMMENT 'Lower-cased',
    `Source` String ALIAS lowerUTF8({attribute('agentsight.conversation.source')}) COMMENT 'Lower-cased',
    `Language` String ALIAS {language_code({attribute('agentsight.conversation.language')})} COMMENT 'The primary subtag of the BCP-47 tag, lower-cased: en for en-US and for en_US',
    `IsToolCall` Bool ALIAS {is_call_of_tool({is_tool_span})} COMMENT 'Whether it is a tool call, in any accepted dialect',
    `IsInterrupt` Bool ALIAS position({attribute('error.type')}, 'Interrupt') > 0 OR position(StatusMessage, 'Interrupt(') > 0
        OR has(Events.Name, 'exception') AND arrayExists((name, attributes) -> name = 'exception' AND position(attributes['exception.type'], 'Interrupt') > 0, Events.Name, Events.Attributes) COMMENT 'Whether an agent was interrupted there, to ask a person (LangGraph)',
    `ToolName` String ALIAS {tool_name} COMMENT 'Tool of a tool call, in any accepted dialect; unknown where there is none',
    `ToolFailed` Bool ALIAS greatest(HasFailed, {attribute('tool.status')} = 'error', {attribute('lk.function_tool.is_error')} = 'true') COMMENT 'Whether a tool call failed, in any accepted dialect',
    `HasFailed` Bool ALIAS greatest(IsError, {attribute('error.type')} != '', has(Events.Name, 'exception')) COMMENT 'Whether the span failed: by its status, an error type, or an exception',
    `IsError` Bool ALIAS StatusCode IN ('Error', 'STATUS_CODE_ERROR') COMMENT 'Whether the span\'s status is Error',
    `DurationNs` UInt64 ALIAS if(Duration >= 9223372036854775808, 0, Duration) COMMENT 'ns; 0 where the span ends before it starts',
    `StartMs` Int64 ALIAS {instant_ms(Timestamp)} COMMENT 'ms since 1970, rounded down also before 1970',
    `EndMs` Int64 ALIAS StartMs + toInt64(intDiv(positiveModulo(toUnixTimestamp64Nano(Timestamp), 1000000) + DurationNs, 1000000)) COMMENT 'ms since 1970',

    INDEX trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX time Timestamp TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
-- By month, modulo eight years: one insert can never touch more than 96 partitions, whatever times its spans bear.
-- ClickHouse refuses an insert into more than 100, and a collector would then retry that batch for ever.
PARTITION BY toYYYYMM(Timestamp, 'UTC') % 800
ORDER BY (ConversationId, Timestamp)
-- A block that is sent again, for one because a view failed after it was stored, is not stored again; views still see it.
SETTINGS merge_with_ttl_timeout = 86400, non_replicated_deduplication_window = 1000;
