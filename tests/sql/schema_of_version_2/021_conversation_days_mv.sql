-- Fills conversation_days from every insert into otel_traces.
-- A span contributes once to the day it starts on, and once for each of its messages to the day of that message.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.conversation_days_mv TO {database}.conversation_days AS
WITH
    ms -> intDiv(ms - positiveModulo(ms, 86400000), 86400000) AS day_of,
    (ms, value) -> concat(reinterpretAsFixedString(byteSwap(bitXor(reinterpretAsUInt64(ms), 9223372036854775808))), value) AS stamped,
    (ms, value) -> if(value = '', unhex('FF'), stamped(ms, value)) AS stamped_first,
    (ms, value) -> if(value = '', '', stamped(ms, value)) AS stamped_last,
    ms -> fromUnixTimestamp64Milli(ms, 'UTC') AS time
SELECT
    toInt32(day_of(item_ms)) AS day,
    conversation_key,
    min(conversation_id) AS conversation_id,
    min(stamped(span_ms, service)) AS first_service,
    min(stamped_first(span_ms, environment)) AS first_environment,
    min(stamped_first(span_ms, device)) AS first_device,
    min(stamped_first(span_ms, source)) AS first_source,
    min(stamped_first(span_ms, language)) AS first_language,
    min(stamped_first(span_ms, country)) AS first_country,
    max(stamped_last(span_ms, customer)) AS last_customer,
    max(stamped_last(span_ms, name)) AS last_name,
    min(if(kind = 'conversation' AND span_name = 'conversation_opened', time(span_ms), NULL)) AS opened_at,
    min(multiIf(
        is_message AND NOT by_agent, time(item_ms),
        NOT is_message AND starts, time(item_ms),
        NULL)) AS started_at,
    max(if(ends, time(span_ms), NULL)) AS explicit_end_at,
    max(multiIf(
        is_message, time(item_ms),
        kind NOT IN ('conversation', 'feedback'), time(span_end_ms),
        NULL)) AS last_activity_at,
    groupUniqArrayIf(message, is_message) AS messages,
    min(if(is_message, message, 18446744073709551615)) AS first_message,
    max(if(is_message, message, 0)) AS last_message
FROM
(
    SELECT
        sipHash64(ConversationId) AS conversation_key,
        ConversationId AS conversation_id,
        AgentKind AS kind,
        SpanName AS span_name,
        kind = 'conversation' AND span_name = 'conversation_started'
            OR kind = 'button'
            OR kind = 'attachment' AND SpanAttributes['agentsight.attachment.sender'] != 'agent' AS starts,
        SpanAttributes['agentsight.conversation.ended'] = 'true' AS ends,
        StartMs AS span_ms,
        EndMs AS span_end_ms,
        ServiceName AS service,
        Environment AS environment,
        Device AS device,
        Source AS source,
        Language AS language,
        Country AS country,
        CustomerId AS customer,
        SpanAttributes['agentsight.conversation.name'] AS name,
        -- (is a message, ms, sent by the agent, hash), the first item being the span itself.
        arrayJoin(arrayPushFront(
            arrayFilter(item -> item.1, arrayMap(
                (position, at, event, attributes) -> (
                    event = 'agentsight.message' AND attributes['agentsight.message.sender'] IN ('end_user', 'agent'),
                    intDiv(toUnixTimestamp64Nano(at) - positiveModulo(toUnixTimestamp64Nano(at), 1000000), 1000000),
                    attributes['agentsight.message.sender'] = 'agent',
                    sipHash64(TraceId, SpanId, position)),
                arrayEnumerate(Events.Name), Events.Timestamp, Events.Name, Events.Attributes)),
            (false, StartMs, false, toUInt64(0)))) AS item,
        item.1 AS is_message,
        item.2 AS item_ms,
        item.3 AS by_agent,
        bitOr(bitOr(
            bitShiftLeft(toUInt64(positiveModulo(item_ms, 86400000)), 37),
            if(by_agent, 68719476736, 0)),
            bitOr(bitAnd(item.4, 68719476735), 1)) AS message
    FROM {database}.otel_traces
    WHERE IsCounted
)
GROUP BY day, conversation_key;
