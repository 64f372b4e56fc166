-- Fills conversation_changes from every insert into otel_traces, by way of span_facts.
--
-- Spans that say the same of their conversation are put together first: to stamp and compare what each says costs more.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.conversation_changes_mv TO {database}.conversation_changes AS
WITH
    (at, value) -> if(value = '', concat(unhex('FFFFFFFFFFFFFFFF'), 'unknown'), concat(at, value)) AS stamped_first,
    (at, value) -> if(value = '', '', concat(at, value)) AS stamped_last,
    ms -> fromUnixTimestamp64Milli(ms, 'UTC') AS time
SELECT
    sipHash64(conversation_id) AS conversation_key,
    conversation_id,
    sipHash64(trace_id) AS trace_key,
    min(concat(first_ns, conversation_id)) AS first_claim,
    min(concat(first_at, service)) AS first_service,
    min(stamped_first(first_at, environment)) AS first_environment,
    min(stamped_first(first_at, device)) AS first_device,
    min(stamped_first(first_at, source)) AS first_source,
    min(stamped_first(first_at, language)) AS first_language,
    min(stamped_first(first_at, country)) AS first_country,
    max(stamped_last(last_at, customer)) AS last_customer,
    max(stamped_last(if(updates, {time_bytes(last_ms + 4611686018427387904)}, last_at), name)) AS last_name,
    max(stamped_last(last_at, marked)) AS last_marked,
    max(stamped_last(last_at, deleted)) AS last_deleted,
    time(nullIf(min(same.opened_ms), 9223372036854775807)) AS opened_at,
    time(nullIf(min(same.start_ms), 9223372036854775807)) AS started_at,
    time(nullIf(max(same.end_ms), -9223372036854775808)) AS explicit_end_at,
    time(nullIf(max(same.activity_ms), -9223372036854775808)) AS last_activity_at,
    max(same.robot) AS robot,
    groupUniqArrayArray(same.tools) AS tools,
    groupUniqArrayArray(same.span_days) AS span_days,
    arrayMap(ms -> {day_of_ms(ms)}, groupArrayArray(message_ms)) AS message_days,
    groupArrayArray(same.messages) AS messages
FROM
(
    SELECT
        conversation_id, trace_id, service, environment, device, source, language, country, customer, name, updates, marked, deleted,
        min(span_ms) AS first_ms,
        max(span_ms) AS last_ms,
        {time_bytes(first_ms)} AS first_at,
        {time_bytes(last_ms)} AS last_at,
        min(claim) AS first_ns,
        min(if(opens, span_ms, 9223372036854775807)) AS opened_ms,
        min(span_start_ms) AS start_ms,
        max(if(ends, span_ms, -9223372036854775808)) AS end_ms,
        max(span_activity_ms) AS activity_ms,
        max(is_robot) AS robot,
        groupUniqArrayIf(tool, tool != 0) AS tools,
        groupUniqArray(toInt32({day_of_ms(span_ms)})) AS span_days,
        groupArrayArray(span_message_ms) AS message_ms,
        groupArrayArray(span_messages) AS messages
    FROM
    (
        SELECT
            ConversationId AS conversation_id,
            TraceId AS trace_id,
            StartMs AS span_ms,
            concat({time_bytes(toUnixTimestamp64Nano(Timestamp))}, {time_bytes(-toInt64(DurationNs))}) AS claim,
            ServiceName AS service,
            Environment AS environment,
            Device AS device,
            Source AS source,
            Language AS language,
            Country AS country,
            if(CustomerId != '' AND {customer_name_key(CustomerId)} IN ({usual_no_customers}), '', CustomerId) AS customer,
            {attribute('agentsight.conversation.name')} AS name,
            {opens_conversation} AS opens,
            AgentKind = 'conversation' AND SpanName = 'conversation_updated' AS updates,
            if(updates, {attribute('agentsight.conversation.marked')}, '') AS marked,
            if(updates, {attribute('agentsight.conversation.deleted')}, '') AS deleted,
            {ends_conversation} AS ends,
            {attribute('agentsight.conversation.robot')} = 'true' AS is_robot,
            if(IsToolCall, sipHash64({tool_key(ToolName)}), 0) AS tool,
            arrayMap(
                (event, attributes) -> if(event = 'agentsight.message',
                    transform(attributes['agentsight.message.sender'], ['end_user', 'agent'], [1, 2], 0), 0),
                Events.Name, Events.Attributes) AS senders,
            arrayMap(at -> {instant_ms(at)}, Events.Timestamp) AS event_ms,
            arrayFilter((ms, sender) -> sender > 0, event_ms, senders) AS span_message_ms,
            arrayFilter((message, sender) -> sender > 0, arrayMap(
                (position, ms, sender) -> {packed_message(ms, sender = 2, ServiceName, sipHash64(TraceId, SpanId, position))},
                arrayEnumerate(senders), event_ms, senders), senders) AS span_messages,
            least(
                if({starts_conversation}, span_ms, 9223372036854775807),
                arrayMin(arrayPushBack(arrayMap((ms, sender) -> if(sender = 1, ms, 9223372036854775807), event_ms, senders), 9223372036854775807))) AS span_start_ms,
            greatest(
                if(AgentKind IN ('conversation', 'feedback'), -9223372036854775808, EndMs),
                arrayMax(arrayPushBack(span_message_ms, -9223372036854775808))) AS span_activity_ms
        FROM {database}.span_facts
        WHERE ConversationId != ''
    )
    GROUP BY conversation_id, trace_id, service, environment, device, source, language, country, customer, name, updates, marked, deleted
) AS same
GROUP BY conversation_id, trace_id;
