-- What one inserted span says, whatever it calls things: the accepted dialects resolved, once for all that is made of it.
-- Grain: one row per span received that has both ids and may count; nothing is stored here.
-- Units: times in ms since 1970, durations in ns.
--
-- Written by: span_facts_mv. Read by: the materialised views that fill the tables of spans and conversations. Its columns
-- are called as those of otel_traces that they come from.
CREATE TABLE IF NOT EXISTS {database}.span_facts
(
    `Timestamp` DateTime64(9, 'UTC') COMMENT 'As in otel_traces',
    `TraceId` String COMMENT 'As in otel_traces',
    `SpanId` String COMMENT 'As in otel_traces',
    `ParentSpanId` String COMMENT 'As in otel_traces',
    `SpanName` LowCardinality(String) COMMENT 'As in otel_traces',
    `ServiceName` LowCardinality(String) COMMENT 'As in otel_traces',
    `ServiceVersion` String COMMENT 'service.version of the resource',
    `ScopeName` String COMMENT 'As in otel_traces',
    `SpanNames` Array(LowCardinality(String)) COMMENT 'As in otel_traces',
    `SpanTexts` Array(String) COMMENT 'As in otel_traces',
    `StatusMessage` String COMMENT 'As in otel_traces',
    `Events.Timestamp` Array(DateTime64(9, 'UTC')) COMMENT 'As in otel_traces',
    `Events.Name` Array(LowCardinality(String)) COMMENT 'As in otel_traces',
    `Events.Attributes` Array(Map(LowCardinality(String), String)) COMMENT 'As in otel_traces',
    `ConversationId` String COMMENT 'As in otel_traces',
    `AgentKind` String COMMENT 'As in otel_traces',
    `SpanRole` LowCardinality(String) COMMENT 'tool, model, agent, chain or other',
    `IsOwn` Bool COMMENT 'Whether this product\'s SDK recorded it in a conversation',
    `IsMarked` Bool COMMENT 'Whether its sender marked it as an exchange',
    `IsToolCall` Bool COMMENT 'As in otel_traces',
    `ToolName` String COMMENT 'As in otel_traces; empty on others than calls of tools',
    `ToolFailed` Bool COMMENT 'As in otel_traces',
    `HasFailed` Bool COMMENT 'As in otel_traces',
    `Sentiment` String COMMENT 'Of feedback that a customer gave; empty on other spans',
    `CustomerId` String COMMENT 'As in otel_traces',
    `Environment` String COMMENT 'As in otel_traces',
    `Device` String COMMENT 'As in otel_traces',
    `Source` String COMMENT 'As in otel_traces',
    `Language` String COMMENT 'As in otel_traces',
    `Country` String COMMENT 'As in otel_traces',
    `StartMs` Int64 COMMENT 'As in otel_traces',
    `EndMs` Int64 COMMENT 'As in otel_traces',
    `DurationNs` UInt64 COMMENT 'As in otel_traces'
)
ENGINE = Null;
