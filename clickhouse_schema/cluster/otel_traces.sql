-- The spans of all shards, on a query node: to read, and to insert into.
-- Grain and units: as in ../tables/otel_traces.sql. The columns, also those derived there, are taken from a shard.
--
-- The sharding key is the conversation, so that all its spans and all repetitions of one meet on one shard. It is
-- ConversationId spelled out, for that is derived only where rows are stored. What belongs to no conversation is
-- spread by trace.
CREATE OR REPLACE TABLE {database}.otel_traces
ENGINE = Distributed('{cluster}', '{database}', 'otel_traces', sipHash64(if({conversation_id_of_span} != '', {conversation_id_of_span}, TraceId)));
