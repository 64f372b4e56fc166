-- What one inserted span says that this product's SDK did not record, or that is marked as an exchange.
-- Grain: one row per such span received; nothing is stored here. Units: as in span_facts.
--
-- Written by: foreign_span_facts_mv. Read by: foreign_spans_mv, touched_traces_mv: where no such span is inserted,
-- ClickHouse never gets to plan what is made of it.
CREATE TABLE IF NOT EXISTS {database}.foreign_span_facts
(
    `Timestamp` DateTime64(9, 'UTC') COMMENT 'As in span_facts',
    `TraceId` String COMMENT 'As in span_facts',
    `SpanId` String COMMENT 'As in span_facts',
    `ParentSpanId` String COMMENT 'As in span_facts',
    `SpanName` LowCardinality(String) COMMENT 'As in span_facts',
    `ServiceName` LowCardinality(String) COMMENT 'As in span_facts',
    `ServiceVersion` String COMMENT 'service.version of the resource',
    `ScopeName` String COMMENT 'As in span_facts',
    `SpanNames` Array(LowCardinality(String)) COMMENT 'As in span_facts',
    `SpanTexts` Array(String) COMMENT 'As in span_facts',
    `StatusMessage` String COMMENT 'As in span_facts',
    `Events.Timestamp` Array(DateTime64(9, 'UTC')) COMMENT 'As in span_facts',
    `Events.Name` Array(LowCardinality(String)) COMMENT 'As in span_facts',
    `Events.Attributes` Array(Map(LowCardinality(String), String)) COMMENT 'As in span_facts',
    `ConversationId` String COMMENT 'As in span_facts',
    `AgentKind` String COMMENT 'As in span_facts',
    `SpanRole` LowCardinality(String) COMMENT 'tool, model, agent, chain or other',
    `IsOwn` Bool COMMENT 'Whether this product\'s SDK recorded it in a conversation',
    `IsMarked` Bool COMMENT 'Whether its sender marked it as an exchange',
    `IsToolCall` Bool COMMENT 'As in span_facts',
    `ToolName` String COMMENT 'As in otel_traces; empty on others than calls of tools',
    `ToolFailed` Bool COMMENT 'As in span_facts',
    `HasFailed` Bool COMMENT 'As in span_facts',
    `Sentiment` String COMMENT 'Of feedback that a customer gave; empty on other spans',
    `CustomerId` String COMMENT 'As in span_facts',
    `Environment` String COMMENT 'As in span_facts',
    `Device` String COMMENT 'As in span_facts',
    `Source` String COMMENT 'As in span_facts',
    `Language` String COMMENT 'As in span_facts',
    `Country` String COMMENT 'As in span_facts',
    `StartMs` Int64 COMMENT 'As in span_facts',
    `EndMs` Int64 COMMENT 'As in span_facts',
    `DurationNs` UInt64 COMMENT 'As in span_facts'
)
ENGINE = Null;

