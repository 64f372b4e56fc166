-- Fills span_facts from every insert into otel_traces.
--
-- Types are said where a Collector's own table may have others.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.span_facts_mv TO {database}.span_facts AS
SELECT
    CAST(Timestamp, 'DateTime64(9, \'UTC\')') AS Timestamp,
    TraceId, SpanId, ParentSpanId,
    CAST(SpanName, 'LowCardinality(String)') AS SpanName,
    CAST(ServiceName, 'LowCardinality(String)') AS ServiceName,
    ServiceVersion, ScopeName, SpanNames, SpanTexts, StatusMessage,
    CAST(Events.Timestamp, 'Array(DateTime64(9, \'UTC\'))') AS `Events.Timestamp`,
    CAST(Events.Name, 'Array(LowCardinality(String))') AS `Events.Name`,
    CAST(Events.Attributes, 'Array(Map(LowCardinality(String), String))') AS `Events.Attributes`,
    ConversationId, AgentKind, SpanRole,
    {is_own_span} AS IsOwn,
    {is_marked} AS IsMarked,
    {is_call_of_tool(SpanRole = 'tool')} AS IsToolCall,
    if(SpanRole = 'tool', ToolName, '') AS ToolName,
    ToolFailed, HasFailed,
    {sentiment_of_span} AS Sentiment,
    CustomerId, Environment, Device, Source, Language, Country, StartMs, EndMs, DurationNs
FROM
(
    SELECT
        Timestamp, TraceId, SpanId, ParentSpanId, SpanName, ServiceName,
        ResourceAttributes['service.version'] AS ServiceVersion,
        ScopeName, SpanNames, SpanTexts, StatusMessage, Events.Timestamp, Events.Name, Events.Attributes, ConversationId, AgentKind,
        {span_role} AS SpanRole,
        IsInterrupt, ToolName, ToolFailed, HasFailed, CustomerId, Environment, Device, Source, Language, Country, StartMs, EndMs, DurationNs
    FROM {database}.otel_traces
    WHERE HasSpanId AND NOT IsIgnored
);
