-- Feedback in conversations, also of spans that say only by their trace which it is. Internal.
-- Grain: one row per feedback span.
--
-- Read by: conversations_behind, conversations_in_window. A filter on `day` reaches the table.
CREATE OR REPLACE VIEW {database}.counted_feedback AS
SELECT day, conversation_key, given_at, trace_id, span_id, sentiment
FROM {database}.feedback FINAL
WHERE conversation_key != 0
UNION ALL
SELECT given.day, owners.conversation_key, given.given_at, given.trace_id, given.span_id, given.sentiment
FROM (SELECT * FROM {database}.feedback FINAL WHERE conversation_key = 0) AS given
INNER JOIN (SELECT trace_key, conversation_key FROM {database}.trace_owners FINAL) AS owners USING trace_key;
