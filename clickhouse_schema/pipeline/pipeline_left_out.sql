-- What of the spans that started in [from, to) the metrics leave out on purpose: conversations of robots, customers that are none, spans that ask to be ignored. Reads the raw spans: a day is quick, a year is not.
-- Grain: one row per reason and, of customers that are none, value.
--
-- Read by: dashboards, the page.
CREATE OR REPLACE VIEW {database}.pipeline_left_out
(
    `reason` String COMMENT 'robot: its conversation counts in no metric; no customer: the value stands in no_customers, its conversation counts but as nobody\'s; ignored: the span says so, and counts nowhere',
    `value` String COMMENT 'What was sent as a customer, trimmed and lower-cased; empty for other reasons',
    `conversations` UInt64 COMMENT 'Conversations with such spans',
    `spans` UInt64 COMMENT 'Spans, each once'
) AS
SELECT
    left_out.1 AS reason,
    left_out.2 AS value,
    uniqExactIf(conversation_id, conversation_id != '') AS conversations,
    uniqExact(trace_id, span_id) AS spans
FROM
(
    SELECT
        ConversationId AS conversation_id,
        TraceId AS trace_id,
        SpanId AS span_id,
        CustomerId AS customer,
        arrayConcat(
            if(IsIgnored, [('ignored', '')], []),
            if(NOT IsIgnored AND sipHash64(conversation_id) IN (SELECT conversation_key FROM {database}.excluded_conversations WHERE reason = 'robot'), [('robot', '')], []),
            if(NOT IsIgnored AND {is_no_customer(customer)}, [('no customer', {customer_name_key(customer)})], [])) AS reasons
    FROM {database}.otel_traces
    WHERE {in_window(Timestamp)}
)
ARRAY JOIN reasons AS left_out
GROUP BY reason, value
ORDER BY conversations DESC, reason, value;
