-- Fills foreign_spans from every insert into otel_traces, by way of foreign_span_facts.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.foreign_spans_mv TO {database}.foreign_spans AS
SELECT
    sipHash64(trace_id) AS trace_key,
    sipHash64(trace_id, span_id) AS span_key,
    trace_id,
    span_id,
    parent_span_id,
    conversation_id,
    role,
    start_us,
    start_us + toInt64(intDiv(start_rest_ns + duration_ns, 1000)) AS end_us,
    duration_ns,
    name,
    if(role = 'tool', tool, '') AS tool,
    failed OR role = 'tool' AND tool_failed AS failed,
    match(concat(finish, arrayStringConcat(choices)), '(?i)tool|function') AS wants_tool,
    input != '' OR says_input AS has_input,
    output NOT IN ('', '{"output":null}') OR notEmpty(choices) AS has_output,
    has_output OR finish != '' OR answer != '' AS answered,
    guardrail,
    marked,
    service,
    environment,
    device,
    source,
    language,
    country,
    customer_id,
    kind,
    opens,
    starts,
    is_tool_call,
    robot,
    ends,
    texts[1] AS input_text,
    texts[2] AS output_text,
    messages
FROM
(
    SELECT
        *,
        -- Of what went in and of what came out: (what the sender says, an event, an attribute, whose messages).
        arrayMap(
            way -> substringUTF8(multiIf(way.1 != '', way.1, way.2 != '', {text_of_content(way.2)}, {message_text(way.3, way.4)}), 1, 16384),
            if(role IN ('tool', 'other') AND NOT marked, [], [
                (said_input, input_event, input, ['user', 'human']), (said_output, output_event, output, ['assistant', 'ai', 'model'])])) AS texts
    FROM
    (
        SELECT
            TraceId AS trace_id,
            SpanId AS span_id,
            ParentSpanId AS parent_span_id,
            ConversationId AS conversation_id,
            SpanRole AS role,
            intDiv(toUnixTimestamp64Nano(Timestamp) - positiveModulo(toUnixTimestamp64Nano(Timestamp), 1000), 1000) AS start_us,
            positiveModulo(toUnixTimestamp64Nano(Timestamp), 1000) AS start_rest_ns,
            DurationNs AS duration_ns,
            if({attribute('operation.name')} != '', {attribute('operation.name')}, SpanName) AS name,
            ToolName AS tool,
            HasFailed OR match({attribute('gen_ai.output.messages')}, '"finish_reason": ?"error"') AS failed,
            ToolFailed AS tool_failed,
            {first_of({finish_texts})} AS finish,
            arrayMap(attributes -> attributes['finish_reason'], arrayFilter((attributes, name) -> name = 'gen_ai.choice', Events.Attributes, Events.Name)) AS choices,
            {first_of({input_texts})} AS input,
            has(Events.Name, 'gen_ai.user.message') OR {attribute('agentsight.exchange.input')} != '' AS says_input,
            {first_of({output_texts})} AS output,
            {attribute('agentsight.exchange.input')} AS said_input,
            {attribute('agentsight.exchange.output')} AS said_output,
            arrayLast(text -> text != '', arrayMap((name, attributes) -> if(name = 'gen_ai.user.message', attributes['content'], ''), Events.Name, Events.Attributes)) AS input_event,
            arrayLast(text -> text != '', arrayMap((name, attributes) -> if(name = 'gen_ai.choice', attributes['message'], ''), Events.Name, Events.Attributes)) AS output_event,
            {first_of({answer_texts})} AS answer,
            match(StatusMessage, '[Gg]uardrail|Tripwire') AS guardrail,
            IsMarked AS marked,
            ServiceName AS service,
            Environment AS environment,
            Device AS device,
            Source AS source,
            Language AS language,
            Country AS country,
            CustomerId AS customer_id,
            AgentKind AS kind,
            {opens_conversation} AS opens,
            {starts_conversation} AS starts,
            IsToolCall AS is_tool_call,
            {attribute('agentsight.conversation.robot')} = 'true' AS robot,
            {ends_conversation} AS ends,
            {messages_of_span} AS messages
        FROM {database}.foreign_span_facts
    )
);
