-- The spans of all shards, on a query node: to read, and to insert into.
-- Grain and units: as in ../010_otel_traces.sql. The columns, also those derived there, are taken from a shard.
--
-- The sharding key is the conversation, so that all its spans and all repetitions of one meet on one shard. It is
-- ConversationId spelled out, for that is derived only where rows are stored. What belongs to no conversation is
-- spread by trace.
CREATE OR REPLACE TABLE {database}.otel_traces
ENGINE = Distributed('agentsight', '{database}', 'otel_traces', sipHash64(multiIf(
    SpanAttributes['gen_ai.conversation.id'] != '', SpanAttributes['gen_ai.conversation.id'],
    SpanAttributes['agentsight.conversation.id'] != '', SpanAttributes['agentsight.conversation.id'],
    SpanAttributes['session.id'] != '', SpanAttributes['session.id'],
    SpanAttributes['traceloop.association.properties.session_id'] != '', SpanAttributes['traceloop.association.properties.session_id'],
    TraceId)));
